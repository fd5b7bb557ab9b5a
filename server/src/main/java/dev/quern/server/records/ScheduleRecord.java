package dev.quern.server.records;

/**
 * How fast a kernel ran by a schedule on devices of a class. Only tile numbers travel, never code.
 *
 * @param version of this format, 1
 * @param kernel the kernel's signature
 * @param bucket of the rows, such as {@code 33-128}
 * @param device class key, such as {@code v8-simd-fma-t2}
 * @param schedule text of a {@link dev.quern.schedule.Schedule}
 * @param seconds of one call, median of the samples
 * @param samples how many timings stand behind it
 * @param engine version of Quern's engine
 * @param browser family and major version, for reading only
 */
public record ScheduleRecord(
    int version,
    String kernel,
    String bucket,
    String device,
    String schedule,
    double seconds,
    int samples,
    String engine,
    String browser) {}
