// RUN: %lqc-opt %s -split-input-file -verify-diagnostics

// scale_channels_c1
func.func @f(%w: tensor<64xf32>, %s: tensor<64xf32>) {
  // expected-error @+1 {{'lqc.scale_channels' op axis must be one of the input's, got: 1}}
  %0 = lqc.scale_channels %w, %s axis 1 : (tensor<64xf32>, tensor<64xf32>) -> tensor<64xf32>
  return
}

// -----

// scale_channels_c2
func.func @f(%w: tensor<4x64xf32>, %s: tensor<4xf32>) {
  // expected-error @+1 {{'lqc.scale_channels' op must have one factor per element of the axis, got: 'tensor<4xf32>' for axis 1 of 'tensor<4x64xf32>'}}
  %0 = lqc.scale_channels %w, %s axis 1 : (tensor<4x64xf32>, tensor<4xf32>) -> tensor<4x64xf32>
  return
}

// -----

// scale_channels_c3
func.func @f(%w: tensor<4x64xbf16>, %s: tensor<4xf32>) {
  // expected-error @+1 {{'lqc.scale_channels' op result must be the input in f32, got: 'tensor<4x64xbf16>' of 'tensor<4x64xbf16>'}}
  %0 = lqc.scale_channels %w, %s axis 0 : (tensor<4x64xbf16>, tensor<4xf32>) -> tensor<4x64xbf16>
  return
}

// -----

// scale_channels_c4: columns
func.func @f(%w: tensor<4x64xf32, #lqc.scheme<"int4-g64">>, %s: tensor<64xf32>) {
  // expected-error @+1 {{'lqc.scale_channels' op a quantized input must be scaled by rows and have scales in fp16 or f32, got: 'tensor<4x64xf32, #lqc.scheme<"int4-g64">>' by axis 1}}
  %0 = lqc.scale_channels %w, %s axis 1 : (tensor<4x64xf32, #lqc.scheme<"int4-g64">>, tensor<64xf32>) -> tensor<4x64xf32, #lqc.scheme<"int4-g64">>
  return
}

// -----

// scale_channels_c4: powers of two
func.func @f(%w: tensor<4x64xf32, #lqc.scheme<"mxfp4">>, %s: tensor<4xf32>) {
  // expected-error @+1 {{'lqc.scale_channels' op a quantized input must be scaled by rows and have scales in fp16 or f32, got: 'tensor<4x64xf32, #lqc.scheme<"mxfp4">>' by axis 0}}
  %0 = lqc.scale_channels %w, %s axis 0 : (tensor<4x64xf32, #lqc.scheme<"mxfp4">>, tensor<4xf32>) -> tensor<4x64xf32, #lqc.scheme<"mxfp4">>
  return
}
