package dev.quern.e2e.peers;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.OptionalDouble;
import java.util.stream.Stream;

/**
 * Processor time that others take, by the kernel's counters; where there are none, the machine
 * counts as idle.
 */
final class MachineLoad {
  private static final Path COUNTERS = Path.of("/proc/stat");

  /** One hundredth of a second, the unit of the counters on Linux. */
  private static final double TICK = 0.01;

  private static final Duration LOOK = Duration.ofMillis(50);
  private static final int LOOKS = 60;

  /** Columns of the first line after its name: all but idle (3) and waiting for a disk (4). */
  private static final List<Integer> BUSY = List.of(0, 1, 2, 5, 6, 7);

  private final long start = System.nanoTime();
  private final double busy = busySeconds();
  private final double own = ownSeconds();

  private MachineLoad() {}

  /** Starts to count. */
  static MachineLoad start() {
    return new MachineLoad();
  }

  /** Cores that other processes, or the host of a virtual machine, have kept busy since. */
  double foreignCores() {
    double seconds = (System.nanoTime() - start) / 1e9;
    return Math.max(0, (busySeconds() - busy) - (ownSeconds() - own)) / seconds;
  }

  /**
   * Waits until what this process has started rests: threads of ONNX Runtime Web wait busily for
   * most of a second after a run, and would take a core from the engine whose turn is next.
   */
  static void awaitRest() {
    for (int look = 0; look < LOOKS; look++) {
      double before = startedSeconds();
      pause(LOOK);
      if (startedSeconds() - before <= TICK) {
        return;
      }
    }
  }

  static void pause(Duration time) {
    try {
      Thread.sleep(time);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new PeerException("interrupted while waiting for an idle machine", e);
    }
  }

  /**
   * Waits until others leave the machine alone for a second.
   *
   * @return how many cores they still use when the patience ends; empty if the machine is idle
   */
  static OptionalDouble awaitIdle(Duration patience, double cores) {
    long end = System.nanoTime() + patience.toNanos();
    while (true) {
      MachineLoad load = start();
      pause(Duration.ofSeconds(1));
      double foreign = load.foreignCores();
      if (foreign <= cores) {
        return OptionalDouble.empty();
      }
      if (System.nanoTime() > end) {
        return OptionalDouble.of(foreign);
      }
    }
  }

  private static double busySeconds() {
    if (!Files.isReadable(COUNTERS)) {
      return 0;
    }
    try (Stream<String> lines = Files.lines(COUNTERS)) {
      String[] columns = lines.findFirst().orElseThrow().trim().split("\\s+");
      return TICK * BUSY.stream().mapToLong(i -> Long.parseLong(columns[i + 1])).sum();
    } catch (IOException e) {
      return 0;
    }
  }

  private static double ownSeconds() {
    return startedSeconds() + seconds(ProcessHandle.current());
  }

  /** Of the processes that live: so no tab may close between two looks. */
  private static double startedSeconds() {
    return ProcessHandle.current().descendants().mapToDouble(MachineLoad::seconds).sum();
  }

  private static double seconds(ProcessHandle process) {
    return process.info().totalCpuDuration().map(Duration::toMillis).orElse(0L) / 1e3;
  }
}
