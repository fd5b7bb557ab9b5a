package dev.quern.wasm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.quern.runtime.JavetMachine;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

class CodeTest {
  private static WasmModule module(String signature, Consumer<Code> body) {
    return WasmModule.build(module -> {
      module.importMemory(false);
      module.export(module.function("f", FunctionType.of(signature), body));
    });
  }

  private static void rejects(String signature, Consumer<Code> body, String message) {
    assertThatThrownBy(() -> module(signature, body))
        .isInstanceOf(EmitException.class)
        .hasMessageContaining(message);
  }

  @Test
  void printsItselfAsText() {
    WasmModule module =
        WasmModule.build(m -> {
          m.importMemory(true);
          m.importTable(8);
          Function now = m.importFunction("now", FunctionType.of(":d"));
          Function sum =
              m.function(
                  "sum",
                  FunctionType.of("ii:f"),
                  java.util.List.of("x", "count"),
                  code -> {
                    Local x = code.parameter(0);
                    Local end = code.local(ValueType.I32, "end");
                    Local total = code.local(ValueType.F32, "total");
                    code.get(x).get(code.parameter(1)).i32(2).op(Opcode.I32_SHL, Opcode.I32_ADD);
                    code.set(end);
                    code.whileLess(
                        x,
                        end,
                        4,
                        () ->
                            code.get(total)
                                .get(x)
                                .mem(Opcode.F32_LOAD, 16)
                                .op(Opcode.F32_ADD)
                                .set(total));
                    code.get(total).f32(Float.POSITIVE_INFINITY).op(Opcode.F32_MIN);
                    code.f32(Float.NaN).op(Opcode.F32_MAX);
                  });
          m.function(
              "other",
              FunctionType.of("v:v"),
              code -> {
                code.call(now).op(Opcode.DROP);
                code.get(code.parameter(0)).i32x4(-1).shuffle32(0, 1, 6, 7);
                code.lane(Opcode.F32X4_EXTRACT_LANE, 3).op(Opcode.F32X4_SPLAT);
              });
          m.element(3, sum);
          m.export(sum);
        });
    assertThat(module.text())
        .isEqualTo(
            """
            (module
              (import "env" "memory" (memory 1 65536 shared))
              (import "env" "table" (table 8 funcref))
              (import "env" "now" (func $now (result f64)))
              (func $sum (param $x i32) (param $count i32) (result f32)
                (local $end i32)
                (local $total f32)
                local.get $x
                local.get $count
                i32.const 2
                i32.shl
                i32.add
                local.set $end
                local.get $x
                local.get $end
                i32.lt_s
                if
                  loop
                    local.get $total
                    local.get $x
                    f32.load offset=16
                    f32.add
                    local.set $total
                    local.get $x
                    i32.const 4
                    i32.add
                    local.tee $x
                    local.get $end
                    i32.lt_s
                    br_if 0
                  end
                end
                local.get $total
                f32.const inf
                f32.min
                f32.const nan
                f32.max
              )
              (func $other (param $p0 v128) (result v128)
                call $now
                drop
                local.get $p0
                v128.const i32x4 -1 -1 -1 -1
                i8x16.shuffle 0 1 2 3 4 5 6 7 24 25 26 27 28 29 30 31
                f32x4.extract_lane 3
                f32x4.splat
              )
              (elem (i32.const 3) $sum)
              (export "sum" (func $sum))
            )
            """);
    Wabt.assertSameBinary(module);
  }

  @Test
  void givesEachLocalOfAFunctionANameOfItsOwn() {
    WasmModule module =
        module(
            ":i",
            code -> {
              Local first = code.local(ValueType.I32, "left");
              Local second = code.local(ValueType.F32, "left");
              assertThat(first.name()).isEqualTo("left");
              assertThat(second.name()).isNotEqualTo("left");
              code.f32(1).set(second).get(first);
            });
    Wabt.assertSameBinary(module);
  }

  @Test
  void computesWhatItsLoopsAndBranchesSay() {
    WasmModule module =
        module(
            "i:i",
            code -> {
              // The sum of the odd numbers below the parameter, up to 100 of them.
              Local i = code.local(ValueType.I32, "i");
              Local sum = code.local(ValueType.I32, "sum");
              code.block(out ->
                  code.whileLess(
                      i,
                      code.parameter(0),
                      1,
                      () -> {
                        code.get(i).i32(200).op(Opcode.I32_GE_S).brIf(out);
                        code.get(i).i32(1).op(Opcode.I32_AND);
                        code.if_(() -> code.increase(sum, i));
                      }));
              code.get(sum).i32(0).op(Opcode.I32_LT_S);
              code.ifElse(ValueType.I32, () -> code.i32(-1), () -> code.get(sum));
            });
    try (JavetMachine machine = JavetMachine.create()) {
      int handle = machine.load(module.encode());
      assertThat(machine.call(handle, "f", -3)).isEqualTo(0);
      assertThat(machine.call(handle, "f", 6)).isEqualTo(9);
      assertThat(machine.call(handle, "f", 1e6)).isEqualTo(10_000);
    }
    Wabt.assertSameBinary(module);
  }

  @Test
  void saysWhatIsMissingOrLeftOver() {
    rejects(":i", code -> {}, "needs i32, found an empty stack");
    rejects(":", code -> code.i32(1), "1 more values");
    rejects(":i", code -> code.f32(1), "needs i32, found f32");
    rejects(":", code -> code.i32(1).if_(() -> code.i32(2)), "end of if leaves 1 more values");
    rejects(
        ":f",
        code -> code.i32(1).ifElse(ValueType.F32, () -> code.f32(1), () -> code.i32(1)),
        "needs f32, found i32");
    rejects(
        "f:",
        code -> code.get(code.parameter(0)).set(code.local(ValueType.V128, "x")),
        "local.set $x needs v128, found f32");
    rejects(
        "fi:",
        code ->
            code.get(code.parameter(0))
                .get(code.parameter(1))
                .i32(1)
                .op(Opcode.SELECT, Opcode.DROP),
        "select needs i32, found f32");
    rejects(":", code -> code.f32(1).if_(() -> {}), "if needs i32, found f32");
    // A block does not see the operands outside it.
    rejects(":", code -> code.i32(1).block(label -> code.op(Opcode.DROP)), "empty stack");
  }

  @Test
  void refusesWrongImmediates() {
    rejects("i:", code -> code.get(code.parameter(0)).op(Opcode.I32_LOAD), "needs an immediate");
    rejects(":", code -> code.op(Opcode.BLOCK), "needs an immediate");
    rejects(":", code -> code.op(Opcode.END), "lambda");
    rejects(":", code -> code.mem(Opcode.I32_ADD, 0), "does not access memory");
    rejects(":", code -> code.mem(Opcode.I32_LOAD, -1), "offset -1");
    rejects(":", code -> code.mem(Opcode.I32_LOAD, 1L << 32), "4294967296");
    rejects(":", code -> code.mem(Opcode.V128_LOAD32_LANE, 0, 4), "no lane 4");
    rejects(":", code -> code.lane(Opcode.F32X4_EXTRACT_LANE, 4), "no lane 4");
    rejects(":", code -> code.lane(Opcode.I64X2_EXTRACT_LANE, -1), "no lane -1");
    rejects(":", code -> code.lane(Opcode.F32X4_ADD, 0), "takes no lane");
    rejects(":", code -> code.shuffle(1, 2), "16 lanes");
    rejects(":", code -> code.shuffle32(0, 1, 2, 8), "no lane 32");
  }

  @Test
  void refusesBranchesToBlocksThatHaveEnded() {
    AtomicReference<Code.Label> kept = new AtomicReference<>();
    rejects(
        ":",
        code -> {
          code.block(kept::set);
          code.br(kept.get());
        },
        "ended");
    // A later block at the same depth is another block.
    rejects(
        ":",
        code -> {
          code.block(kept::set);
          code.block(label -> code.br(kept.get()));
        },
        "ended");
  }

  @Test
  void acceptsAnythingAfterAJumpButNotWrongTypes() {
    WasmModule module = module(":i", code -> code.i32(7).op(Opcode.RETURN, Opcode.I32_ADD));
    try (JavetMachine machine = JavetMachine.create()) {
      assertThat(machine.validate(module.encode())).isTrue();
    }
    rejects(":i", code -> code.op(Opcode.UNREACHABLE).f32(1), "needs i32, found f32");
  }

  @Test
  void refusesTwoExportsOfOneNameAndLateImports() {
    assertThatThrownBy(() ->
            WasmModule.build(m -> {
              m.export(m.function("f", FunctionType.of(":"), code -> {}));
              m.export(m.function("f", FunctionType.of(":"), code -> {}));
            }))
        .isInstanceOf(EmitException.class)
        .hasMessageContaining("called f");
    assertThatThrownBy(() ->
            WasmModule.build(m -> {
              m.function("f", FunctionType.of(":"), code -> {});
              m.importFunction("now", FunctionType.of(":d"));
            }))
        .isInstanceOf(EmitException.class)
        .hasMessageContaining("now");
  }
}
