package dev.quern.server;

import dev.quern.server.http.Json;
import dev.quern.server.http.ProblemException;
import dev.quern.server.records.BestSchedules;
import dev.quern.server.records.RecordStore;
import dev.quern.server.records.ScheduleRecord;
import dev.quern.server.records.TelemetrySchema;
import io.javalin.http.Context;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** {@code GET /api/v1/schedules?device=CLASS[&engine=VERSION]}: the best schedules known. */
final class SchedulesHandler {
  private final RecordStore store;

  SchedulesHandler(RecordStore store) {
    this.store = store;
  }

  void handle(Context ctx) {
    String device = ctx.queryParam("device");
    if (device == null || !TelemetrySchema.isDevice(device)) {
      throw new ProblemException(
          400, "device must be the key of a device class, such as v8-simd-fma-t2", "device");
    }
    Optional<String> engine = Optional.ofNullable(ctx.queryParam("engine"));
    if (engine.isPresent() && !TelemetrySchema.isEngine(engine.get())) {
      throw new ProblemException(400, "engine must be a version, such as 0.1.0", "engine");
    }
    List<ScheduleRecord> records = store.schedules(device, engine, BestSchedules.WINDOW);
    Map<String, Object> answer = new LinkedHashMap<>();
    answer.put("device", device);
    answer.put("records", BestSchedules.of(records));
    Json.send(ctx, answer);
  }
}
