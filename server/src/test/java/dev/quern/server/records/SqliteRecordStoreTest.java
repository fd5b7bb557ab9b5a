package dev.quern.server.records;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SqliteRecordStoreTest {
  @TempDir private Path directory;

  private static ScheduleRecord record(String device, String engine, double seconds) {
    return new ScheduleRecord(
        1, "matmul k=8 n=8", "2-8", device, "mr=1", seconds, 3, engine, "Chromium 156");
  }

  private static List<Event> one(ScheduleRecord record) {
    return List.of(new Event.Schedule(record));
  }

  @Test
  void keepsAllKindsAndReadsThemAfterReopening() throws Exception {
    Path file = directory.resolve("deeper/quern.db");
    Clock clock = Clock.fixed(Instant.parse("2026-11-22T13:45:56Z"), ZoneOffset.UTC);
    try (RecordStore store = new SqliteRecordStore(file, clock)) {
      store.append(
          List.of(
              new Event.Schedule(record("v8", "0.1.0", 0.5)),
              new Event.Inference("m", "v8", "Chromium 156", "0.1.0", 2, "1x32", 19.1, true),
              new Event.Load("m", "v8", "Chromium 156", "0.1.0", Map.of("firstRun", 4.0))));
    }
    try (RecordStore store = new SqliteRecordStore(file)) {
      assertThat(store.counts()).isEqualTo(Map.of("schedule", 1L, "inference", 1L, "load", 1L));
      assertThat(store.schedules("v8", Optional.empty(), 10))
          .containsExactly(record("v8", "0.1.0", 0.5));
      assertThat(store.healthy()).isTrue();
    }
    try (var connection = DriverManager.getConnection("jdbc:sqlite:" + file);
        var statement = connection.createStatement();
        ResultSet row = statement.executeQuery("SELECT day, first_run, download FROM load")) {
      assertThat(row.getString(1)).isEqualTo("2026-11-22");
      assertThat(row.getDouble(2)).isEqualTo(4.0);
      assertThat(row.getObject(3)).isNull();
    }
  }

  @Test
  void findsByDeviceAndEngineTheNewestOnly() {
    try (RecordStore store = new SqliteRecordStore(directory.resolve("quern.db"))) {
      for (int i = 1; i <= 5; i++) {
        store.append(one(record("v8", "0.1.0", i)));
      }
      store.append(one(record("v8", "0.2.0", 7)));
      store.append(one(record("gecko", "0.1.0", 8)));
      assertThat(store.schedules("v8", Optional.of("0.1.0"), 2))
          .extracting(ScheduleRecord::seconds)
          .containsExactly(4.0, 5.0);
      assertThat(store.schedules("v8", Optional.empty(), 10)).hasSize(6);
      assertThat(store.schedules("jsc", Optional.empty(), 10)).isEmpty();
    }
  }

  @Test
  void manyThreadsAtOnceLoseNothing() throws Exception {
    try (RecordStore store = new SqliteRecordStore(directory.resolve("quern.db"));
        var pool = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Callable<Void>> tasks = new ArrayList<>();
      for (int i = 0; i < 40; i++) {
        double seconds = i + 1;
        tasks.add(() -> {
          store.append(one(record("v8", "0.1.0", seconds)));
          store.schedules("v8", Optional.empty(), 10);
          return null;
        });
      }
      for (var done : pool.invokeAll(tasks)) {
        done.get();
      }
      assertThat(store.counts()).containsEntry("schedule", 40L);
    }
  }

  @Test
  void whatIsNoDatabaseIsNamed() throws Exception {
    Path file = directory.resolve("quern.db");
    Files.writeString(file, "this is a text and not a database ".repeat(200));
    assertThatThrownBy(() -> new SqliteRecordStore(file))
        .isInstanceOf(StoreException.class)
        .hasMessageContaining("quern.db cannot be opened");
  }

  @Test
  void aFileOfANewerVersionIsRefused() throws Exception {
    Path file = directory.resolve("quern.db");
    try (var connection = DriverManager.getConnection("jdbc:sqlite:" + file);
        var statement = connection.createStatement()) {
      statement.execute("PRAGMA user_version=99");
    }
    assertThatThrownBy(() -> new SqliteRecordStore(file)).hasMessageContaining("newer Quern");
  }
}
