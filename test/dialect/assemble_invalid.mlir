// RUN: %lqc-opt %s -split-input-file -verify-diagnostics

// assemble_c1: another kind of scheme
func.func @f(%codes: tensor<4x32xi8>, %scales: tensor<4xf32>) {
  // expected-error @+1 {{'lqc.assemble' op result must have a scheme intB or uintB of weights, got: 'tensor<4x64xf32, #lqc.scheme<"nf4-g64">>'}}
  %0 = lqc.assemble %codes, %scales : (tensor<4x32xi8>, tensor<4xf32>) -> tensor<4x64xf32, #lqc.scheme<"nf4-g64">>
  return
}

// -----

// assemble_c1: no scheme
func.func @f(%codes: tensor<4x32xi8>, %scales: tensor<4xf32>) {
  // expected-error @+1 {{'lqc.assemble' op result must have a scheme intB or uintB of weights, got: 'tensor<4x64xf32>'}}
  %0 = lqc.assemble %codes, %scales : (tensor<4x32xi8>, tensor<4xf32>) -> tensor<4x64xf32>
  return
}

// -----

// assemble_c2: too few bytes
func.func @f(%codes: tensor<4x31xi8>, %scales: tensor<4xf16>) {
  // expected-error @+1 {{'lqc.assemble' op codes must be the bytes of the result's rows, got: 'tensor<4x31xi8>' for 'tensor<4x64xf32, #lqc.scheme<"int4-g64">>'}}
  %0 = lqc.assemble %codes, %scales : (tensor<4x31xi8>, tensor<4xf16>) -> tensor<4x64xf32, #lqc.scheme<"int4-g64">>
  return
}

// -----

// assemble_c2: the first dimension
func.func @f(%codes: tensor<2x64xi8>, %scales: tensor<4xf16>) {
  // expected-error @+1 {{'lqc.assemble' op codes must be the bytes of the result's rows, got: 'tensor<2x64xi8>' for 'tensor<4x64xf32, #lqc.scheme<"int4-g64">>'}}
  %0 = lqc.assemble %codes, %scales : (tensor<2x64xi8>, tensor<4xf16>) -> tensor<4x64xf32, #lqc.scheme<"int4-g64">>
  return
}

// -----

// assemble_c3: fp16 does not hold f32
func.func @f(%codes: tensor<4x32xi8>, %scales: tensor<4xf32>) {
  // expected-error @+1 {{'lqc.assemble' op scales must be one float per group that the scheme holds, got: 'tensor<4xf32>' for 'tensor<4x64xf32, #lqc.scheme<"int4-g64">>'}}
  %0 = lqc.assemble %codes, %scales : (tensor<4x32xi8>, tensor<4xf32>) -> tensor<4x64xf32, #lqc.scheme<"int4-g64">>
  return
}

// -----

// assemble_c3: one for each group
func.func @f(%codes: tensor<4x32xi8>, %scales: tensor<4xf16>) {
  // expected-error @+1 {{'lqc.assemble' op scales must be one float per group that the scheme holds, got: 'tensor<4xf16>' for 'tensor<4x64xf32, #lqc.scheme<"int4-g32">>'}}
  %0 = lqc.assemble %codes, %scales : (tensor<4x32xi8>, tensor<4xf16>) -> tensor<4x64xf32, #lqc.scheme<"int4-g32">>
  return
}

// -----

// assemble_c4: zero points that the scheme has not
func.func @f(%codes: tensor<4x32xi8>, %scales: tensor<4xf16>, %zeros: tensor<4xi8>) {
  // expected-error @+1 {{'lqc.assemble' op zero points must go with a scheme that has them, got: int4-g64}}
  %0 = lqc.assemble %codes, %scales, %zeros : (tensor<4x32xi8>, tensor<4xf16>, tensor<4xi8>) -> tensor<4x64xf32, #lqc.scheme<"int4-g64">>
  return
}

// -----

// assemble_c4: none where the scheme has them
func.func @f(%codes: tensor<4x32xi8>, %scales: tensor<4xf16>) {
  // expected-error @+1 {{'lqc.assemble' op must have the scheme's zero points, got: uint4-g64}}
  %0 = lqc.assemble %codes, %scales : (tensor<4x32xi8>, tensor<4xf16>) -> tensor<4x64xf32, #lqc.scheme<"uint4-g64">>
  return
}

// -----

// assemble_c4: too many bytes
func.func @f(%codes: tensor<4x32xi8>, %scales: tensor<4xf16>, %zeros: tensor<8xi8>) {
  // expected-error @+1 {{'lqc.assemble' op zero points must be the bytes of the result's rows, got: 'tensor<8xi8>' for 'tensor<4x64xf32, #lqc.scheme<"uint4-g64">>'}}
  %0 = lqc.assemble %codes, %scales, %zeros : (tensor<4x32xi8>, tensor<4xf16>, tensor<8xi8>) -> tensor<4x64xf32, #lqc.scheme<"uint4-g64">>
  return
}
