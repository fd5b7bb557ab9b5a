package dev.quern.runtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.quern.onnx.Bytes;
import dev.quern.schedule.ByteDot;
import dev.quern.wasm.Function;
import dev.quern.wasm.FunctionType;
import dev.quern.wasm.Opcode;
import dev.quern.wasm.WasmModule;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class JavetMachineTest {
  private static JavetMachine machine(boolean shared) {
    return shared ? JavetMachine.createShared() : JavetMachine.create();
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void sharesMemoryTableAndClockWithModules(boolean shared) {
    try (JavetMachine machine = machine(shared)) {
      assertThat(machine.features().threads()).isEqualTo(shared);
      assertThat(machine.features().relaxedSimd()).isTrue();
      machine.install(walkerStandIn(shared));
      int module = machine.load(adder(shared));
      machine.memory().putInt(2048, 40);
      assertThat(machine.run(2048, 1, 1)).isEqualTo(42);
      double before = machine.now();
      // Of the module that was installed before it.
      double seen = machine.call(module - 1, "clock");
      assertThat(seen).isBetween(before, machine.now());
      assertThat(machine.validate(new byte[] {0, 1, 2})).isFalse();
    }
  }

  /** Where the processor has the instruction, V8 uses it. */
  @Test
  void findsOutHowBytesAreSummed() throws IOException {
    Path facts = Path.of("/proc/cpuinfo");
    assumeThat(facts).isReadable();
    boolean known = Files.readString(facts).contains(" avx_vnni");
    try (JavetMachine machine = machine(false)) {
      if (known) {
        assertThat(machine.features().bytes()).isEqualTo(ByteDot.UNSIGNED);
      } else {
        assertThat(machine.features().bytes()).isNotNull();
      }
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void growsAndKeepsContentsAndViews(boolean shared) {
    try (JavetMachine machine = machine(shared)) {
      LinearMemory memory = machine.memory();
      memory.writeFloats(1001, new float[] {9, 1.5f, -2f, 9}, 1, 2);
      Bytes view = memory.view(1001, 8);
      memory.ensure(40_000_000);
      assertThat(memory.size()).isGreaterThanOrEqualTo(40_000_000);
      assertThat(view.getFloat(0)).isEqualTo(1.5f);
      assertThat(view.slice(4, 4).getFloat(0)).isEqualTo(-2f);
      memory.move(1001, 39_999_990, 8);
      float[] read = new float[3];
      memory.readFloats(39_999_990, read, 1, 2);
      assertThat(read).containsExactly(0, 1.5f, -2f);
      memory.clear(39_999_990, 5);
      assertThat(memory.getInt(39_999_990)).isZero();
      assertThatThrownBy(() -> memory.getInt(memory.size() - 3))
          .isInstanceOf(IndexOutOfBoundsException.class);
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void reportsTrapsAndRejectedModules(boolean shared) {
    try (JavetMachine machine = machine(shared)) {
      machine.install(walkerStandIn(shared));
      // Slot 5 of the table is empty.
      assertThatThrownBy(() -> machine.run(2048, 5, 5)).isInstanceOf(MachineException.class);
      assertThatThrownBy(() -> machine.load(new byte[] {0, 1, 2}))
          .isInstanceOf(MachineException.class)
          .hasMessageContaining("3 bytes");
      assertThatThrownBy(() -> machine.call(0, "nothing"))
          .isInstanceOf(MachineException.class)
          .hasMessageContaining("nothing");
      assertThatThrownBy(() -> machine.memory().ensure(5L << 30))
          .isInstanceOf(MachineException.class);
    }
  }

  private static final FunctionType UNARY = FunctionType.of("i:i");

  /** {@code run(address, slot, _)} calls the function of that slot with the word at the address. */
  private static byte[] walkerStandIn(boolean shared) {
    return WasmModule.build(
            module -> {
              module.importMemory(shared);
              module.importTable(Control.TABLE_SIZE);
              Function now = module.importFunction("now", FunctionType.of(":d"));
              module.export(
                  module.function(
                      "run",
                      FunctionType.of("iii:i"),
                      code ->
                          code.get(code.parameter(0))
                              .mem(Opcode.I32_LOAD, 0)
                              .get(code.parameter(1))
                              .callIndirect(UNARY)));
              module.export(
                  module.function("clock", FunctionType.of(":d"), code -> code.call(now)));
            })
        .encode();
  }

  private static byte[] adder(boolean shared) {
    return WasmModule.build(
            module -> {
              module.importMemory(shared);
              module.importTable(Control.TABLE_SIZE);
              module.element(
                  1,
                  module.function(
                      "add_two",
                      UNARY,
                      code -> code.get(code.parameter(0)).i32(2).op(Opcode.I32_ADD)));
            })
        .encode();
  }
}
