package dev.quern.wasm;

import java.util.List;

/** Prints a module in the text format, one instruction a line, blocks indented. */
final class Text {
  private final List<FunctionType> types;
  private final List<Function> imports;
  private final List<Function> functions;
  private final StringBuilder out = new StringBuilder("(module\n");
  private int indent = 1;

  Text(List<FunctionType> types, List<Function> imports, List<Function> functions) {
    this.types = types;
    this.imports = imports;
    this.functions = functions;
  }

  void line(String text) {
    for (int i = 0; i < indent; i++) {
      out.append("  ");
    }
    out.append(text).append('\n');
  }

  void functions() {
    for (Function function : imports) {
      line(
          "(import \"env\" \""
              + function.name()
              + "\" (func $"
              + function.name()
              + signature(function.type(), null)
              + "))");
    }
    for (Function function : functions) {
      line("(func $" + function.name() + signature(function.type(), function.locals()));
      indent++;
      for (int i = function.type().parameters().size(); i < function.locals().size(); i++) {
        Local local = function.locals().get(i);
        line("(local $" + local.name() + " " + local.type().text() + ")");
      }
      for (int i = 0; i < function.body().size() - 1; i++) {
        instruction(function, function.body().get(i));
      }
      indent--;
      line(")");
    }
  }

  private static String signature(FunctionType type, List<Local> names) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < type.parameters().size(); i++) {
      text.append(" (param ");
      if (names != null) {
        text.append('$').append(names.get(i).name()).append(' ');
      }
      text.append(type.parameters().get(i).text()).append(')');
    }
    for (ValueType result : type.results()) {
      text.append(" (result ").append(result.text()).append(')');
    }
    return text.toString();
  }

  private void instruction(Function function, Instruction instruction) {
    Opcode opcode = instruction.opcode();
    if (opcode == Opcode.END || opcode == Opcode.ELSE) {
      indent--;
    }
    line(opcode.mnemonic() + immediates(function, instruction));
    if (opcode.immediate() == Immediate.BLOCK_TYPE || opcode == Opcode.ELSE) {
      indent++;
    }
  }

  private String immediates(Function function, Instruction instruction) {
    Immediate immediate = instruction.opcode().immediate();
    if (immediate.bytes() > 0) {
      String offset = instruction.a() == 0 ? "" : " offset=" + instruction.a();
      return immediate.lane() ? offset + " " + instruction.b() : offset;
    }
    return switch (immediate) {
      case LANE -> " " + instruction.b();
      case SHUFFLE -> lanes(instruction.lanes());
      case CONST_I32, CONST_I64 -> " " + instruction.a();
      case CONST_F32 -> " " + real(Float.intBitsToFloat((int) instruction.a()));
      case CONST_F64 -> " " + real(Double.longBitsToDouble(instruction.a()));
      case CONST_V128 ->
          " i32x4 "
              + (int) instruction.a()
              + " "
              + (int) (instruction.a() >> 32)
              + " "
              + (int) instruction.b()
              + " "
              + (int) (instruction.b() >> 32);
      case LOCAL -> " $" + function.locals().get((int) instruction.a()).name();
      case LABEL -> " " + instruction.a();
      case FUNCTION -> " $" + callee((int) instruction.a()).name();
      case BLOCK_TYPE -> instruction.a() == 0x40 ? "" : " (result " + result(instruction.a()) + ")";
      case TYPE -> signature(types.get((int) instruction.a()), null);
      default -> "";
    };
  }

  private static String real(float value) {
    return Float.isInfinite(value) || Float.isNaN(value) ? real((double) value) : "" + value;
  }

  private static String real(double value) {
    if (Double.isNaN(value)) {
      return "nan";
    }
    if (Double.isInfinite(value)) {
      return value > 0 ? "inf" : "-inf";
    }
    return "" + value;
  }

  private Function callee(int index) {
    return index < imports.size() ? imports.get(index) : functions.get(index - imports.size());
  }

  private static String result(long code) {
    for (ValueType type : ValueType.values()) {
      if (type.code() == code) {
        return type.text();
      }
    }
    throw new EmitException("no value type has the code " + code);
  }

  private static String lanes(byte[] lanes) {
    StringBuilder text = new StringBuilder();
    for (byte lane : lanes) {
      text.append(' ').append(lane);
    }
    return text.toString();
  }

  String finish() {
    return out.append(")\n").toString();
  }
}
