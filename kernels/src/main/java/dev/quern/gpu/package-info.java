/**
 * A plan's run on a GPU as data: {@link dev.quern.gpu.Recorder} takes a plan and the sizes of a run
 * and says which buffers there are, which shaders, and what is dispatched in which order; what has
 * no shader stays with the CPU's kernels, between two parts for the GPU. Nothing here knows a
 * device: whoever plays a {@link dev.quern.gpu.Recording} makes buffers and pipelines of it once
 * and submits them for each run.
 *
 * <p>It comes after {@code plan} and {@code wgsl}, beside {@code runtime}.
 */
package dev.quern.gpu;
