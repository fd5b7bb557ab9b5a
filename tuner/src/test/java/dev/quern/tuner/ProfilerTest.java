package dev.quern.tuner;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quern.runtime.Control;
import dev.quern.runtime.JavetMachine;
import dev.quern.runtime.Walker;
import dev.quern.schedule.ByteDot;
import org.junit.jupiter.api.Test;

/** Figures depend on the machine and its load; what has to hold of any is tested. */
class ProfilerTest {
  @Test
  void measuresWhatItCanAndSaysWhatItCannot() {
    for (boolean shared : new boolean[] {false, true}) {
      try (JavetMachine machine = shared ? JavetMachine.createShared() : JavetMachine.create()) {
        machine.install(Walker.module(shared).encode());
        machine.memory().putInt(1024, 77);
        DeviceProfile profile = Profiler.measure(machine, "v8", 65536);
        assertThat(profile.device()).isEqualTo("v8-simd-fma-t1");
        // How bytes are summed is no matter of schedules.
        assertThat(profile.features()).isEqualTo(machine.features().with(ByteDot.NONE));
        assertThat(profile.clockMilliseconds()).isBetween(0.001, 1.0);
        assertThat(profile.registers()).isBetween(11, 33);
        assertThat(profile.peakGflops()).isBetween(0.5, 1000.0);
        assertThat(profile.l1Bytes()).isBetween(16 << 10, 1 << 20);
        assertThat(profile.l2Bytes()).isGreaterThan(profile.l1Bytes());
        assertThat(profile.threads()).isEqualTo(1);
        assertThat(DeviceProfile.parse(profile.json()).json()).isEqualTo(profile.json());
        assertThat(machine.memory().getInt(1024)).isEqualTo(77);
      }
    }
  }

  @Test
  void measuresBetweenRunsThatOverwriteItsMemory() {
    try (JavetMachine machine = JavetMachine.createShared()) {
      machine.install(Walker.module(true).encode());
      machine.memory().putInt(Control.THREADS, 1);
      Profiler profiler = new Profiler(machine, "v8");
      int slices = 0;
      boolean more = true;
      while (more) {
        int base = 65536 + slices % 3 * 4096;
        more = profiler.slice(base, 1);
        slices++;
        assertThat(machine.memory().getInt(Control.THREADS)).isEqualTo(1);
        for (int at = 0; at < Profiler.SCRATCH_BYTES; at += 64) {
          machine.memory().putInt(65536 + at, -1);
        }
      }
      assertThat(slices).isGreaterThan(10);
      DeviceProfile profile = profiler.profile();
      assertThat(profile.registers()).isBetween(11, 33);
      assertThat(profile.peakGflops()).isBetween(0.5, 1000.0);
      assertThat(profile.l2Bytes()).isGreaterThan(profile.l1Bytes());
    }
  }

  @Test
  void aWalkThroughMemoryVisitsEveryLineOnce() {
    try (JavetMachine machine = JavetMachine.create()) {
      machine.memory().ensure(1 << 20);
      int handle = machine.load(Probes.chase(false));
      int lines = 200;
      machine.call(handle, "build", 65536, lines, 9);
      boolean[] seen = new boolean[lines];
      int at = 65536;
      for (int i = 0; i < lines; i++) {
        int line = (at - 65536) / Probes.LINE;
        assertThat(seen[line]).isFalse();
        seen[line] = true;
        at = machine.memory().getInt(at);
      }
      assertThat(at).isEqualTo(65536);
      // Eight steps at a time: 200 of them come back to the start.
      assertThat((int) machine.call(handle, "chase", 65536, lines)).isEqualTo(65536);
    }
  }
}
