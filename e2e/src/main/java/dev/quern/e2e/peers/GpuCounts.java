package dev.quern.e2e.peers;

/**
 * What one run asked of WebGPU.
 *
 * @param dispatches compute kernels that were started
 * @param submits times that work was handed over
 * @param bound bytes of the buffers and textures that dispatches were given, as often as they were:
 *     what kernels read and write at most
 * @param copied bytes from buffer to buffer
 * @param uploaded bytes from the CPU
 * @param read bytes to the CPU
 */
record GpuCounts(int dispatches, int submits, long bound, long copied, long uploaded, long read) {
  /** All bytes that were moved. */
  long moved() {
    return bound + copied + uploaded + read;
  }
}
