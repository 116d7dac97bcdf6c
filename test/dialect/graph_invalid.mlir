// RUN: lqc-opt %s --split-input-file --verify-diagnostics

// expected-error@+1 {{lqc.graph must be a dictionary}}
module attributes {lqc.graph = "x"} {
}

// -----

// expected-error@+1 {{lqc.graph is for modules}}
func.func @main() attributes {lqc.graph = {}} {
  return
}

// -----

// expected-error@+1 {{lqc.name must be a string}}
func.func @main(%x: tensor<4xf32> {lqc.name = 1}) {
  return
}

// -----

// expected-error@+1 {{lqc.dims must have a string for each dimension of 'tensor<4xf32>'}}
func.func @main(%x: tensor<4xf32> {lqc.dims = ["a", "b"]}) {
  return
}

// -----

// expected-error@+1 {{lqc.element must be the unsigned name of the type, got: "uint8" for 'tensor<4xi16>'}}
func.func @main(%x: tensor<4xi16> {lqc.element = "uint8"}) {
  return
}

// -----

// expected-error@+1 {{lqc.element must be the unsigned name of the type, got: "uint32" for 'tensor<4xf32>'}}
func.func @main() -> (tensor<4xf32> {lqc.element = "uint32"}) {
  %0 = tensor.empty() : tensor<4xf32>
  return %0 : tensor<4xf32>
}
