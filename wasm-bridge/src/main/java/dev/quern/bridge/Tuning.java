package dev.quern.bridge;

import dev.quern.runtime.TunableModel;
import dev.quern.schedule.Schedule;
import dev.quern.tuner.DeviceProfile;
import dev.quern.tuner.RecordBook;
import dev.quern.tuner.RecordException;
import dev.quern.tuner.Refusal;
import dev.quern.tuner.Tuner;
import dev.quern.tuner.TuningRecord;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** The tuner of a session: records in, events for the page out. */
final class Tuning implements Tuner.Listener {
  private DeviceProfile profile;
  private final Tuner tuner;
  private final List<Object> events = new ArrayList<>();
  private int reported = -1;
  private boolean reportedMore;
  private String reportedRows = "";

  /**
   * @param records the browser's stored records, as JSON values; what cannot be read is reported
   */
  Tuning(TunableModel model, DeviceProfile profile, List<?> records, String browser) {
    this.profile = profile;
    RecordBook book = new RecordBook(profile.device(), profile.features());
    tuner = new Tuner(model, profile, book, Engine.version(), browser, Tuner.Options.DEFAULT, this);
    add(records, RecordBook.Origin.OWN);
  }

  DeviceProfile profile() {
    return profile;
  }

  Tuner tuner() {
    return tuner;
  }

  /** Goes on with what was measured, and lets the page store it. */
  void measured(DeviceProfile measured) {
    profile = measured;
    tuner.measured(measured);
    events.add(Reply.object("type", "profile", "profile", profile.fields()));
  }

  @Override
  public void tuned(TuningRecord record, Schedule previous, double ratio) {
    events.add(
        Reply.object(
            "type",
            "tuned",
            "record",
            record.fields(),
            "previous",
            previous.text(),
            "ratio",
            ratio));
  }

  @Override
  public void refused(Refusal refusal) {
    events.add(
        Reply.object(
            "type", "refused",
            "kernel", refusal.kernel(),
            "bucket", refusal.bucket().label(),
            "schedule", refusal.schedule(),
            "reason", refusal.reason()));
  }

  /** Takes more records: how many may come to serve, and why the others may not. */
  Map<String, Object> add(List<?> records, RecordBook.Origin origin) {
    int adopted = 0;
    List<Object> refused = new ArrayList<>();
    for (Object value : records) {
      int before = events.size();
      String reason = "a better record is known";
      try {
        if (tuner.add(TuningRecord.of(value), origin)) {
          adopted++;
          continue;
        }
        if (events.size() > before) {
          reason = (String) Request.of(events.get(before)).value("reason");
        }
      } catch (RecordException e) {
        reason = e.getMessage();
      }
      refused.add(Reply.object("record", value, "reason", reason));
    }
    return Reply.object("adopted", adopted, "refused", refused);
  }

  /** One idle slice: whether more is to be done. */
  boolean idle(double milliseconds) {
    if (tuner.prepare(milliseconds)) {
      return true;
    }
    boolean more = tuner.idle(milliseconds);
    progress(more);
    return more;
  }

  /** The search goes on in inferences too. */
  void ran() {
    if (tuner.searching()) {
      progress(!tuner.finished());
    }
  }

  /** Everything counts as decided when nothing is left to do. */
  private void progress(boolean more) {
    int tried = tuner.tried();
    int total = more ? Math.max(tuner.total(), tried + 1) : tried;
    if (tried != reported || more != reportedMore) {
      reported = tried;
      reportedMore = more;
      events.add(
          Reply.object("type", "progress", "phase", "tune", "loaded", tried, "total", total));
    }
  }

  /** The event that lists the kernels in use. */
  Map<String, Object> event() {
    return Reply.object("type", "schedules", "rows", rows(), "peakGflops", peak());
  }

  /** The device's measured rate on all threads, GFLOP/s; null if it was not measured. */
  Object peak() {
    return profile.peakGflops() > 0 ? (Object) (profile.peakGflops() * profile.threads()) : null;
  }

  List<Object> rows() {
    List<Object> rows = new ArrayList<>();
    for (Tuner.Row row : tuner.rows()) {
      rows.add(
          Reply.object(
              "kernel", row.kernel(),
              "bucket", row.bucket().label(),
              "schedule", row.schedule().text(),
              "source", row.source().label(),
              "seconds", finite(row.seconds()),
              "gflops", finite(row.gflops()),
              "layers", row.layers()));
    }
    return rows;
  }

  private static Object finite(double number) {
    return Double.isNaN(number) || Double.isInfinite(number) ? null : (Object) number;
  }

  /** What happened since the last call; the kernels in use are told when they change. */
  List<Object> takeEvents() {
    StringBuilder rows = new StringBuilder();
    for (Tuner.Row row : tuner.rows()) {
      rows.append(row.kernel()).append(row.bucket().label()).append(row.schedule().text());
      rows.append(row.source().label()).append('\n');
    }
    if (!rows.toString().equals(reportedRows)) {
      reportedRows = rows.toString();
      events.add(event());
    }
    List<Object> taken = new ArrayList<>(events);
    events.clear();
    return taken;
  }
}
