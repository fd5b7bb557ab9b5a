package dev.quern.tuner;

import dev.quern.schedule.Features;
import dev.quern.schedule.Heuristic;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What was measured of a device; stored by the browser, so that a later visit starts with it.
 *
 * @param device the {@link ClassKey}
 * @param features what the engine validates, as far as schedules need it
 * @param clockMilliseconds the step of the clock
 * @param registers SIMD registers that a kernel may use before the engine spills
 * @param fma whether the fused multiply-add is at least as fast as multiply and add
 * @param peakGflops f32 rate of one thread with nothing but registers
 * @param l1Bytes first-level data cache
 * @param l2Bytes second-level cache
 * @param threads threads worth using
 * @param notes what was not measured and why, as sentences
 */
public record DeviceProfile(
    String device,
    Features features,
    double clockMilliseconds,
    int registers,
    boolean fma,
    double peakGflops,
    int l1Bytes,
    int l2Bytes,
    int threads,
    List<String> notes) {

  private static final int VERSION = 1;

  private static final List<String> NAMES =
      List.of(
          "version",
          "class",
          "relaxedSimd",
          "shared",
          "clockMilliseconds",
          "registers",
          "fma",
          "peakGflops",
          "l1Bytes",
          "l2Bytes",
          "threads",
          "notes");

  /** A profile of careful guesses, for a device that was not measured yet. */
  public static DeviceProfile guess(String family, Features features, int threads) {
    return new DeviceProfile(
        ClassKey.of(family, features, threads),
        features,
        0.1,
        Heuristic.DEFAULT_REGISTERS,
        features.relaxedSimd(),
        0,
        Heuristic.DEFAULT_L1_BYTES,
        Heuristic.DEFAULT_L2_BYTES,
        threads,
        List.of("Nothing was measured: these are defaults."));
  }

  /** The features that schedules should use: without FMA where it is the slower way. */
  public Features useful() {
    return new Features(features.relaxedSimd() && fma, features.threads());
  }

  /** The same device to a kernel that needs some registers for itself. */
  DeviceProfile withRegisters(int registers) {
    return new DeviceProfile(
        device,
        features,
        clockMilliseconds,
        registers,
        fma,
        peakGflops,
        l1Bytes,
        l2Bytes,
        threads,
        notes);
  }

  /** The profile as one line of JSON. */
  public String json() {
    return Json.write(fields());
  }

  /** The profile as a JSON object; its class is the field {@code class}. */
  public Map<String, Object> fields() {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("version", VERSION);
    fields.put("class", device);
    fields.put("relaxedSimd", features.relaxedSimd());
    fields.put("shared", features.threads());
    fields.put("clockMilliseconds", clockMilliseconds);
    fields.put("registers", registers);
    fields.put("fma", fma);
    fields.put("peakGflops", peakGflops);
    fields.put("l1Bytes", l1Bytes);
    fields.put("l2Bytes", l2Bytes);
    fields.put("threads", threads);
    fields.put("notes", notes);
    return fields;
  }

  /**
   * Reads a stored profile.
   *
   * @throws RecordException naming the field that is missing, unknown or out of range
   */
  public static DeviceProfile parse(String json) {
    Fields fields = new Fields("a device profile", Json.read(json)).only(NAMES);
    fields.integer("version", VERSION, VERSION);
    List<String> notes = new ArrayList<>();
    for (Object note : fields.list("notes")) {
      if (!(note instanceof String text)) {
        throw new RecordException("a device profile has a note that is no text");
      }
      notes.add(text);
    }
    return new DeviceProfile(
        fields.text("class", 64),
        new Features(fields.flag("relaxedSimd"), fields.flag("shared")),
        fields.number("clockMilliseconds", 0, 1000),
        fields.integer("registers", 4, 64),
        fields.flag("fma"),
        fields.number("peakGflops", 0, 1e6),
        fields.integer("l1Bytes", 4 << 10, 1 << 20),
        fields.integer("l2Bytes", 32 << 10, 1 << 28),
        fields.integer("threads", 1, 1024),
        notes);
  }
}
