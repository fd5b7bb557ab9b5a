package dev.quern.tuner;

import dev.quern.schedule.RowBucket;
import dev.quern.schedule.Schedule;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What a search found for one kernel: numbers only, never code. It is stored in the browser,
 * offered to the server, and comes back to other devices of the class.
 *
 * @param kernel the kernel's signature
 * @param device the {@link ClassKey} it was measured under
 * @param seconds wall seconds of one step with this schedule, at the rows that were measured
 * @param samples paired samples behind it
 * @param engine Quern's version
 * @param browser what the user agent calls itself; a label only
 */
public record TuningRecord(
    String kernel,
    RowBucket bucket,
    String device,
    Schedule schedule,
    double seconds,
    int samples,
    String engine,
    String browser) {

  private static final int VERSION = 1;

  private static final List<String> NAMES =
      List.of(
          "version",
          "kernel",
          "bucket",
          "device",
          "schedule",
          "seconds",
          "samples",
          "engine",
          "browser");

  /** The record as a JSON object. */
  public Map<String, Object> fields() {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("version", VERSION);
    fields.put("kernel", kernel);
    fields.put("bucket", bucket.label());
    fields.put("device", device);
    fields.put("schedule", schedule.text());
    fields.put("seconds", seconds);
    fields.put("samples", samples);
    fields.put("engine", engine);
    fields.put("browser", browser);
    return fields;
  }

  /** The record as one line of JSON. */
  public String json() {
    return Json.write(fields());
  }

  /**
   * Reads one record.
   *
   * @throws RecordException naming the field that is missing, unknown or out of range
   */
  public static TuningRecord parse(String json) {
    return of(Json.read(json));
  }

  /**
   * Takes a record from a JSON value that {@link Json#read} gave.
   *
   * @throws RecordException naming the field that is missing, unknown or out of range
   */
  public static TuningRecord of(Object value) {
    Fields fields = new Fields("a tuning record", value).only(NAMES);
    fields.integer("version", VERSION, VERSION);
    try {
      return new TuningRecord(
          fields.text("kernel", 512),
          RowBucket.parse(fields.text("bucket", 16)),
          fields.text("device", 64),
          Schedule.parse(fields.text("schedule", 256)),
          fields.number("seconds", 1e-9, 3600),
          fields.integer("samples", 1, 1_000_000),
          fields.text("engine", 64),
          fields.text("browser", 128));
    } catch (IllegalArgumentException wrong) {
      throw new RecordException("a tuning record is wrong: " + wrong.getMessage());
    }
  }
}
