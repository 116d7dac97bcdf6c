// RUN: lqc-opt %s | lqc-opt | FileCheck %s

// CHECK: module attributes {lqc.graph = {name = "classifier"}}
module attributes {lqc.graph = {name = "classifier"}} {
  // CHECK: func.func @main
  // CHECK-SAME: tensor<?x4xi8> {lqc.dims = ["batch", ""], lqc.element = "uint8", lqc.name = "x"}
  // CHECK-SAME: (tensor<?x4xi8> {lqc.dims = ["batch", ""], lqc.element = "uint8", lqc.name = "y"})
  func.func @main(%x: tensor<?x4xi8> {lqc.name = "x", lqc.dims = ["batch", ""], lqc.element = "uint8"})
      -> (tensor<?x4xi8> {lqc.name = "y", lqc.dims = ["batch", ""], lqc.element = "uint8"}) {
    return %x : tensor<?x4xi8>
  }
}
