package dev.quern.bridge;

import dev.quern.runtime.TunableModel;
import dev.quern.tuner.DeviceProfile;
import dev.quern.tuner.RecordBook;
import dev.quern.tuner.RecordException;
import dev.quern.tuner.Tuner;
import dev.quern.tuner.TuningRecord;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** The tuner of a session: records in, events for the page out. */
final class Tuning {
  private DeviceProfile profile;
  private final Tuner tuner;
  private final TuningEvents events = new TuningEvents();
  private String reportedRows = "";

  /**
   * @param records the browser's stored records, as JSON values; what cannot be read is reported
   */
  Tuning(TunableModel model, DeviceProfile profile, List<?> records, String browser) {
    this.profile = profile;
    RecordBook book = new RecordBook(profile.device(), profile.features());
    tuner =
        new Tuner(model, profile, book, Engine.version(), browser, Tuner.Options.DEFAULT, events);
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
        String refusal = events.refusedSince(before);
        reason = refusal == null ? reason : refusal;
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

  private void progress(boolean more) {
    events.progress(tuner.tried(), tuner.total(), more);
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
    return TuningEvents.rows(tuner.rows());
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
    return events.take();
  }
}
