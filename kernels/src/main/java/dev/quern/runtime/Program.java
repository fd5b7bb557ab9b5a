package dev.quern.runtime;

import dev.quern.schedule.RowBucket;
import dev.quern.schedule.Schedule;
import java.util.Map;

/**
 * The step records of one set of sizes, in linear memory.
 *
 * @param address of the first record
 * @param symbols the sizes
 * @param arena addresses of the activations, absolute
 * @param rows m of each matmul step, 0 for other steps
 * @param schedules of each matmul step, null for other steps; changed by the tuner
 * @param flops floating-point operations of a run
 */
record Program(
    int address,
    Map<String, Long> symbols,
    long[] arena,
    int[] rows,
    Schedule[] schedules,
    double flops) {
  /** The bucket of a matmul step; a product without rows runs as if it had one. */
  RowBucket bucket(int step) {
    return RowBucket.of(Math.max(1, rows[step]));
  }
}
