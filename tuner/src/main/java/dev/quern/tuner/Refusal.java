package dev.quern.tuner;

import dev.quern.schedule.RowBucket;

/**
 * A schedule that was not used, and why. One that is merely slower is none of these.
 *
 * @param kernel the kernel's signature
 * @param schedule its text; what was given, where it could not be read
 */
public record Refusal(String kernel, RowBucket bucket, String schedule, String reason) {}
