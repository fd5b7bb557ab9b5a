package dev.quern.server.records;

import static dev.quern.server.records.Schema.object;
import static dev.quern.server.records.Schema.text;

import dev.quern.schedule.Features;
import dev.quern.schedule.Schedule;
import java.util.List;
import java.util.Map;

/**
 * The whole of what telemetry may say. The forms are narrow on purpose: nothing that a visitor
 * typed, and no address, fits into any of them.
 */
public final class TelemetrySchema {
  /** Events of one batch. */
  public static final int MOST_EVENTS = 256;

  /** The milestones of loading a model. */
  public static final List<String> PHASES =
      List.of("download", "parse", "pack", "emit", "compile", "firstRun");

  private static final Schema VERSION = new Schema.Whole(1, 1);
  private static final Schema MODEL = text("[A-Za-z0-9][A-Za-z0-9._-]*", 100);

  private static final Schema.Text DEVICE = text("[a-z0-9]+([.-][a-z0-9]+)*", 64);

  private static final Schema.Text ENGINE = text("[0-9]+(\\.[0-9]+){1,2}(-[A-Za-z0-9.]+)?", 32);
  private static final Schema BROWSER = text("[A-Za-z]+( [0-9]{1,4})?", 32);
  private static final Schema MILLISECONDS = new Schema.Real(0, 3_600_000);

  private static final Schema RECORD =
      object()
          .with("version", VERSION)
          .with("kernel", text("[!-~]+( [!-~]+)*", 400))
          .with("bucket", text("[0-9a-z+-]+", 16))
          .with("device", DEVICE)
          .with("schedule", text("[a-z0-9= ]+", 200, TelemetrySchema::checkSchedule))
          .with("seconds", new Schema.Real(1e-9, 3600))
          .with("samples", new Schema.Whole(1, 1_000_000))
          .with("engine", ENGINE)
          .with("browser", BROWSER);

  private static final Schema.Fields INFERENCE =
      object()
          .with("model", MODEL)
          .with("device", DEVICE)
          .with("browser", BROWSER)
          .with("engine", ENGINE)
          .with("threads", new Schema.Whole(1, 1024))
          .with("shape", text("[0-9]+(x[0-9]+)*", 64))
          .with("milliseconds", MILLISECONDS)
          .with("first", new Schema.Flag());

  private static final Schema.Fields LOAD =
      object()
          .with("model", MODEL)
          .with("device", DEVICE)
          .with("browser", BROWSER)
          .with("engine", ENGINE)
          .with("phases", phases());

  /** A batch. */
  public static final Schema BATCH =
      object()
          .with("version", VERSION)
          .with(
              "events",
              new Schema.Items(
                  new Schema.Choice(
                      "type",
                      Map.of(
                          "schedule", object().with("record", RECORD),
                          "inference", INFERENCE,
                          "load", LOAD)),
                  MOST_EVENTS));

  private TelemetrySchema() {}

  /** Whether a text is the key of a device class. */
  public static boolean isDevice(String text) {
    return DEVICE.matches(text);
  }

  /** Whether a text is an engine's version. */
  public static boolean isEngine(String text) {
    return ENGINE.matches(text);
  }

  private static Schema.Fields phases() {
    Schema.Fields fields = object();
    for (String phase : PHASES) {
      fields = fields.withOptional(phase, MILLISECONDS);
    }
    return fields;
  }

  /** Refuses a schedule that no device could run; a client still checks it against its own. */
  private static void checkSchedule(String text) {
    List<String> problems = Schedule.parse(text).problems(new Features(true, true));
    if (!problems.isEmpty()) {
      throw new IllegalArgumentException(String.join("; ", problems));
    }
  }
}
