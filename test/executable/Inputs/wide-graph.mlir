// Two linears with an activation between them; 256 columns take every scheme.
module attributes {lqc.graph = {name = "wide", producer = "hand"}} {
  lqc.weight @w : tensor<72x256xf32> = #lqc.random<seed = 1, std = 1.0e-1 : f64>
  lqc.weight @v : tensor<20x256xf32> = #lqc.random<seed = 2, std = 1.0e-1 : f64>
  func.func @main(%x: tensor<?x256xf32> {lqc.name = "x", lqc.dims = ["rows", ""]})
      -> (tensor<?x72xf32> {lqc.name = "y"}, tensor<?x20xf32> {lqc.name = "z"}) {
    %w = lqc.get_weight @w : tensor<72x256xf32>
    %v = lqc.get_weight @v : tensor<20x256xf32>
    %t = math.tanh %x : tensor<?x256xf32>
    %y = lqc.linear %x, %w : (tensor<?x256xf32>, tensor<72x256xf32>) -> tensor<?x72xf32>
    %z = lqc.linear %t, %v : (tensor<?x256xf32>, tensor<20x256xf32>) -> tensor<?x20xf32>
    return %y, %z : tensor<?x72xf32>, tensor<?x20xf32>
  }
}
