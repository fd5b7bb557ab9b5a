/**
 * The WGSL side of the kernel table: a small typed builder of compute shaders, and for each kernel
 * family that has one a shader of the same {@code KernelSpec} and the same arguments as the plan's
 * step. Expressions carry their types, and a mismatch throws at the line that emits it.
 *
 * <p>These are emitters only, for f32: tests hold their shaders against Tint, and their results on
 * SwiftShader against the reference. No engine runs them yet: there is no WebGPU device, buffer or
 * pipeline of ours, and nothing that the browser loads reaches this package.
 */
package dev.quern.wgsl;
