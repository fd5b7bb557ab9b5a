package dev.quern.server.records;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Types;
import java.time.Clock;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;

/**
 * SQLite in WAL mode with {@code synchronous=FULL}: each commit is forced to disk before it is
 * acknowledged. One connection writes, one reads; in WAL they do not wait for each other. A row
 * holds the day on which it came, and no finer time.
 */
public final class SqliteRecordStore implements RecordStore {
  /** One script a version of the database; an older file is brought up step by step. */
  private static final List<String> MIGRATIONS =
      List.of(
          """
          CREATE TABLE schedule_record (
            id INTEGER PRIMARY KEY,
            day TEXT NOT NULL,
            kernel TEXT NOT NULL,
            bucket TEXT NOT NULL,
            device TEXT NOT NULL,
            schedule TEXT NOT NULL,
            seconds REAL NOT NULL,
            samples INTEGER NOT NULL,
            engine TEXT NOT NULL,
            browser TEXT NOT NULL
          ) STRICT;
          CREATE INDEX schedule_record_by_device
            ON schedule_record (device, kernel, bucket, schedule, id);
          CREATE TABLE inference (
            id INTEGER PRIMARY KEY,
            day TEXT NOT NULL,
            model TEXT NOT NULL,
            device TEXT NOT NULL,
            browser TEXT NOT NULL,
            engine TEXT NOT NULL,
            threads INTEGER NOT NULL,
            shape TEXT NOT NULL,
            milliseconds REAL NOT NULL,
            first INTEGER NOT NULL
          ) STRICT;
          CREATE TABLE load (
            id INTEGER PRIMARY KEY,
            day TEXT NOT NULL,
            model TEXT NOT NULL,
            device TEXT NOT NULL,
            browser TEXT NOT NULL,
            engine TEXT NOT NULL,
            download REAL,
            parse REAL,
            pack REAL,
            emit REAL,
            compile REAL,
            first_run REAL
          ) STRICT;
          """);

  private static final Map<String, String> TABLES = tables();

  private final Path file;
  private final Clock clock;
  private final Connection writer;
  private final Connection reader;
  private final ReentrantLock writing = new ReentrantLock();
  private final ReentrantLock reading = new ReentrantLock();

  /** Opens the database at a path; it is made, or brought up to date, if need be. */
  public SqliteRecordStore(Path file) {
    this(file, Clock.systemUTC());
  }

  SqliteRecordStore(Path file, Clock clock) {
    this.file = file;
    this.clock = clock;
    Connection opened = null;
    try {
      Path parent = file.toAbsolutePath().getParent();
      Files.createDirectories(parent);
      opened = open();
      migrate(opened);
      writer = opened;
      reader = open();
    } catch (SQLException | IOException e) {
      closeQuietly(opened);
      throw failed("cannot be opened", e);
    }
  }

  private static Map<String, String> tables() {
    Map<String, String> tables = new LinkedHashMap<>();
    tables.put("schedule", "schedule_record");
    tables.put("inference", "inference");
    tables.put("load", "load");
    return tables;
  }

  private Connection open() throws SQLException {
    Connection connection = DriverManager.getConnection("jdbc:sqlite:" + file.toAbsolutePath());
    try (Statement statement = connection.createStatement()) {
      statement.execute("PRAGMA busy_timeout=5000");
      statement.execute("PRAGMA journal_mode=WAL");
      statement.execute("PRAGMA synchronous=FULL");
    }
    return connection;
  }

  private void migrate(Connection connection) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute("BEGIN IMMEDIATE");
      int version = statement.executeQuery("PRAGMA user_version").getInt(1);
      if (version > MIGRATIONS.size()) {
        throw new SQLException(
            "it has version " + version + ", made by a newer Quern than this one");
      }
      for (int i = version; i < MIGRATIONS.size(); i++) {
        statement.executeUpdate(MIGRATIONS.get(i));
      }
      statement.execute("PRAGMA user_version=" + MIGRATIONS.size());
      statement.execute("COMMIT");
    }
  }

  @Override
  public void append(List<Event> events) {
    String day = LocalDate.now(clock).toString();
    writing.lock();
    try {
      writer.setAutoCommit(false);
      try (PreparedStatement schedules = writer.prepareStatement(insert("schedule_record", 9));
          PreparedStatement inferences = writer.prepareStatement(insert("inference", 9));
          PreparedStatement loads = writer.prepareStatement(insert("load", 11))) {
        for (Event event : events) {
          switch (event) {
            case Event.Schedule schedule -> add(schedules, day, schedule.record());
            case Event.Inference inference -> add(inferences, day, inference);
            case Event.Load load -> add(loads, day, load);
          }
        }
        schedules.executeBatch();
        inferences.executeBatch();
        loads.executeBatch();
        writer.commit();
      } catch (SQLException e) {
        writer.rollback();
        throw e;
      }
    } catch (SQLException e) {
      throw failed("could not keep a batch", e);
    } finally {
      writing.unlock();
    }
  }

  private static String insert(String table, int columns) {
    return "INSERT INTO " + table + " VALUES (NULL" + ", ?".repeat(columns) + ")";
  }

  private static void add(PreparedStatement row, String day, ScheduleRecord record)
      throws SQLException {
    row.setString(1, day);
    row.setString(2, record.kernel());
    row.setString(3, record.bucket());
    row.setString(4, record.device());
    row.setString(5, record.schedule());
    row.setDouble(6, record.seconds());
    row.setInt(7, record.samples());
    row.setString(8, record.engine());
    row.setString(9, record.browser());
    row.addBatch();
  }

  private static void add(PreparedStatement row, String day, Event.Inference event)
      throws SQLException {
    row.setString(1, day);
    row.setString(2, event.model());
    row.setString(3, event.device());
    row.setString(4, event.browser());
    row.setString(5, event.engine());
    row.setInt(6, event.threads());
    row.setString(7, event.shape());
    row.setDouble(8, event.milliseconds());
    row.setInt(9, event.first() ? 1 : 0);
    row.addBatch();
  }

  private static void add(PreparedStatement row, String day, Event.Load event) throws SQLException {
    row.setString(1, day);
    row.setString(2, event.model());
    row.setString(3, event.device());
    row.setString(4, event.browser());
    row.setString(5, event.engine());
    for (int i = 0; i < TelemetrySchema.PHASES.size(); i++) {
      Double milliseconds = event.phases().get(TelemetrySchema.PHASES.get(i));
      if (milliseconds == null) {
        row.setNull(6 + i, Types.REAL);
      } else {
        row.setDouble(6 + i, milliseconds);
      }
    }
    row.addBatch();
  }

  @Override
  public List<ScheduleRecord> schedules(String device, Optional<String> engine, int most) {
    String sql =
        """
        SELECT kernel, bucket, device, schedule, seconds, samples, engine, browser FROM (
          SELECT *, ROW_NUMBER() OVER (
            PARTITION BY kernel, bucket, schedule ORDER BY id DESC) AS age
          FROM schedule_record WHERE device = ? AND (? IS NULL OR engine = ?))
        WHERE age <= ? ORDER BY kernel, bucket, schedule, id
        """;
    reading.lock();
    try (PreparedStatement query = reader.prepareStatement(sql)) {
      query.setString(1, device);
      query.setString(2, engine.orElse(null));
      query.setString(3, engine.orElse(null));
      query.setInt(4, most);
      List<ScheduleRecord> found = new ArrayList<>();
      try (ResultSet row = query.executeQuery()) {
        while (row.next()) {
          found.add(
              new ScheduleRecord(
                  1,
                  row.getString(1),
                  row.getString(2),
                  row.getString(3),
                  row.getString(4),
                  row.getDouble(5),
                  row.getInt(6),
                  row.getString(7),
                  row.getString(8)));
        }
      }
      return found;
    } catch (SQLException e) {
      throw failed("could not be read", e);
    } finally {
      reading.unlock();
    }
  }

  @Override
  public Map<String, Long> counts() {
    Map<String, Long> counts = new LinkedHashMap<>();
    reading.lock();
    try (Statement statement = reader.createStatement()) {
      for (Map.Entry<String, String> table : TABLES.entrySet()) {
        try (ResultSet row = statement.executeQuery("SELECT COUNT(*) FROM " + table.getValue())) {
          counts.put(table.getKey(), row.getLong(1));
        }
      }
      return counts;
    } catch (SQLException e) {
      throw failed("could not be read", e);
    } finally {
      reading.unlock();
    }
  }

  @Override
  public boolean healthy() {
    reading.lock();
    try (Statement statement = reader.createStatement();
        ResultSet row = statement.executeQuery("SELECT 1")) {
      return row.next();
    } catch (SQLException e) {
      return false;
    } finally {
      reading.unlock();
    }
  }

  @Override
  public void close() {
    closeQuietly(reader);
    closeQuietly(writer);
  }

  private static void closeQuietly(Connection connection) {
    if (connection == null) {
      return;
    }
    try {
      connection.close();
    } catch (SQLException e) {
      throw new StoreException("the record store could not be closed: " + e.getMessage(), e);
    }
  }

  private StoreException failed(String what, Exception cause) {
    return new StoreException(
        "the record store " + file + " " + what + ": " + cause.getMessage(), cause);
  }
}
