package dev.quern.wasm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.quern.runtime.JavetMachine;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The instruction table against V8 and, where it is installed, against the text assembler. */
class OpcodeTest {
  private static JavetMachine machine;

  @BeforeAll
  static void start() {
    machine = JavetMachine.create();
  }

  @AfterAll
  static void stop() {
    machine.close();
  }

  @ParameterizedTest
  @EnumSource
  void validatesInV8(Opcode opcode) {
    WasmModule module = sample(opcode);
    assertThat(machine.validate(module.encode())).as(module.text()).isTrue();
    assertThat(module.text()).contains(opcode.mnemonic());
  }

  @Test
  void assemblesToTheSameBytes() {
    Wabt.assertSameBinary(module(true, List.of(Opcode.values())));
  }

  @Test
  void eachRowHasACodeOfItsOwn() {
    Map<String, Opcode> seen = new HashMap<>();
    for (Opcode opcode : Opcode.values()) {
      String code = opcode.prefix() + ":" + opcode.code();
      assertThat(seen.put(code, opcode)).as(opcode.mnemonic()).isNull();
      assertThat(opcode.name())
          .isEqualTo(opcode.mnemonic().replace('.', '_').toUpperCase(Locale.ROOT));
    }
  }

  @ParameterizedTest
  @EnumSource
  void namesBothTypesOfAMismatch(Opcode opcode) {
    String operands = opcode.signature().substring(0, opcode.signature().indexOf(':'));
    if (operands.isEmpty() || opcode == Opcode.SELECT || opcode.immediate() == Immediate.LABEL) {
      return;
    }
    if (opcode == Opcode.IF || opcode == Opcode.CALL_INDIRECT) {
      return;
    }
    // Each operand in turn is replaced by one of another type.
    for (int wrong = 0; wrong < operands.length(); wrong++) {
      ValueType needed = ValueType.of(operands.charAt(wrong));
      ValueType given = needed == ValueType.F64 ? ValueType.F32 : ValueType.F64;
      int position = wrong;
      assertThatThrownBy(() ->
              WasmModule.build(module ->
                  module.function(
                      "wrong",
                      FunctionType.of(":"),
                      code -> {
                        for (int i = 0; i < operands.length(); i++) {
                          ValueType type = ValueType.of(operands.charAt(i));
                          code.get(code.local(i == position ? given : type, "x"));
                        }
                        emit(code, opcode);
                      })))
          .isInstanceOf(EmitException.class)
          .hasMessageContaining(opcode.mnemonic() + " needs " + needed.text())
          .hasMessageContaining("found " + given.text())
          .hasMessageContaining("$wrong");
    }
  }

  /** A module whose one function does nothing but the instruction, on its parameters. */
  private static WasmModule sample(Opcode opcode) {
    boolean shared = opcode.immediate().atomic() || opcode == Opcode.ATOMIC_FENCE;
    return module(shared, List.of(opcode));
  }

  private static WasmModule module(boolean shared, List<Opcode> opcodes) {
    return WasmModule.build(module -> {
      module.importMemory(shared);
      module.importTable(1);
      Function now = module.importFunction("now", FunctionType.of(":d"));
      for (Opcode opcode : opcodes) {
        module.function(
            opcode.mnemonic(),
            FunctionType.of(signature(opcode)),
            code -> {
              if (opcode == Opcode.CALL) {
                code.call(now);
              } else {
                body(code, opcode);
              }
            });
      }
    });
  }

  private static String signature(Opcode opcode) {
    return switch (opcode) {
      case CALL -> ":d";
      case CALL_INDIRECT -> "ii:i";
      case DROP -> "v:";
      case ELSE -> "i:f";
      case LOCAL_GET, LOCAL_SET, LOCAL_TEE -> "v:v";
      case LOOP, END -> "i:";
      case RETURN -> "f:f";
      case SELECT -> "ffi:f";
      case UNREACHABLE -> ":l";
      default -> opcode.signature();
    };
  }

  private static void body(Code code, Opcode opcode) {
    if (opcode != Opcode.LOOP && opcode != Opcode.BR_IF) {
      for (int i = 0; i < signature(opcode).indexOf(':'); i++) {
        code.get(code.parameter(i));
      }
    }
    switch (opcode) {
      case BLOCK -> code.block(label -> code.op(Opcode.NOP));
      case LOOP, BR_IF -> code.loop(top -> code.get(code.parameter(0)).brIf(top));
      case BR -> code.block(code::br);
      case IF, END -> code.if_(() -> code.op(Opcode.NOP));
      case ELSE -> code.ifElse(ValueType.F32, () -> code.f32(1), () -> code.f32(2));
      case LOCAL_GET -> {}
      case LOCAL_SET, LOCAL_TEE -> {
        Local local = code.local(ValueType.V128, "copy");
        code.tee(local).set(code.parameter(0)).get(local);
      }
      case CALL_INDIRECT -> code.callIndirect(FunctionType.of("i:i"));
      case I32_CONST -> code.i32(Integer.MIN_VALUE);
      case I64_CONST -> code.i64(Long.MIN_VALUE);
      case F32_CONST -> code.f32(Float.MIN_VALUE);
      case F64_CONST -> code.f64(-1e-300);
      case V128_CONST -> code.f32x4(-0f);
      default -> emit(code, opcode);
    }
  }

  private static void emit(Code code, Opcode opcode) {
    Immediate immediate = opcode.immediate();
    if (immediate.bytes() > 0) {
      code.mem(opcode, 4096, immediate.lane() ? 16 / immediate.bytes() - 1 : 0);
    } else if (immediate == Immediate.LANE) {
      code.lane(opcode, 1);
    } else if (immediate == Immediate.SHUFFLE) {
      code.shuffle(31, 0, 30, 1, 29, 2, 28, 3, 27, 4, 26, 5, 25, 6, 24, 7);
    } else {
      code.op(opcode);
    }
  }
}
