package dev.quern.gpu;

/**
 * What a device allows.
 *
 * @param storageBuffers that a shader binds: {@code maxStorageBuffersPerShaderStage}, 8 in core, 4
 *     at least in compatibility mode
 * @param bindingBytes of a storage buffer: {@code maxStorageBufferBindingSize}, 128 MiB at least
 */
public record GpuLimits(int storageBuffers, long bindingBytes) {}
