// RUN: %lqc-opt %s -split-input-file -verify-diagnostics

// split_columns_c1
func.func @f(%x: tensor<8x64xf32, #lqc.scheme<"int4-g64">>, %i: tensor<3xi32>) {
  // expected-error @+1 {{'lqc.split_columns' op must split plain matrices, got: 'tensor<8x64xf32, #lqc.scheme<"int4-g64">>'}}
  %0, %1 = lqc.split_columns %x, %i : (tensor<8x64xf32, #lqc.scheme<"int4-g64">>, tensor<3xi32>) -> (tensor<8x64xf32, #lqc.scheme<"int4-g64">>, tensor<8x3xf32>)
  return
}

// -----

// split_columns_c2
func.func @f(%x: tensor<?x64xf32>, %i: tensor<0xi32>) {
  // expected-error @+1 {{'lqc.split_columns' op must keep at least one column and at most all, got: 0 of 64}}
  %0, %1 = lqc.split_columns %x, %i : (tensor<?x64xf32>, tensor<0xi32>) -> (tensor<?x64xf32>, tensor<?x0xf32>)
  return
}

// -----

// split_columns_c2
func.func @f(%x: tensor<?x64xf32>, %i: tensor<65xi32>) {
  // expected-error @+1 {{'lqc.split_columns' op must keep at least one column and at most all, got: 65 of 64}}
  %0, %1 = lqc.split_columns %x, %i : (tensor<?x64xf32>, tensor<65xi32>) -> (tensor<?x64xf32>, tensor<?x65xf32>)
  return
}

// -----

// split_columns_c3
func.func @f(%x: tensor<?x64xf32>, %i: tensor<3xi32>) {
  // expected-error @+1 {{'lqc.split_columns' op kept must have one column per index, got: 4 != 3}}
  %0, %1 = lqc.split_columns %x, %i : (tensor<?x64xf32>, tensor<3xi32>) -> (tensor<?x64xf32>, tensor<?x4xf32>)
  return
}

// -----

// split_columns_c3
func.func @f(%x: tensor<8x64xf32>, %i: tensor<3xi32>) {
  // expected-error @+1 {{'lqc.split_columns' op kept must have one row per input row, got: 7 != 8}}
  %0, %1 = lqc.split_columns %x, %i : (tensor<8x64xf32>, tensor<3xi32>) -> (tensor<8x64xf32>, tensor<7x3xf32>)
  return
}

// -----

// The rest has the input's type.
func.func @f(%x: tensor<8x64xf32>, %i: tensor<3xi32>) {
  // expected-error @+1 {{'lqc.split_columns' op failed to verify that rest has the input's type}}
  %0, %1 = lqc.split_columns %x, %i : (tensor<8x64xf32>, tensor<3xi32>) -> (tensor<8x63xf32>, tensor<8x3xf32>)
  return
}

// -----

// How many indices there are is known.
func.func @f(%x: tensor<8x64xf32>, %i: tensor<?xi32>) {
  // expected-error @+1 {{'lqc.split_columns' op operand #1 must be static 1D tensor of 32-bit signless integer values, but got 'tensor<?xi32>'}}
  %0, %1 = lqc.split_columns %x, %i : (tensor<8x64xf32>, tensor<?xi32>) -> (tensor<8x64xf32>, tensor<8x3xf32>)
  return
}
