package dev.quern.wasm;

import java.util.List;

/**
 * A function of a module; an imported one has no body.
 *
 * @param index its number in the binary, imports first
 * @param name its name in the text form
 * @param locals parameters first, then variables
 */
public record Function(
    int index, String name, FunctionType type, List<Local> locals, List<Instruction> body) {

  void encode(Binary out) {
    Binary code = new Binary();
    int parameters = type.parameters().size();
    int groups = 0;
    for (int i = parameters; i < locals.size(); i++) {
      if (i == parameters || locals.get(i).type() != locals.get(i - 1).type()) {
        groups++;
      }
    }
    code.u32(groups);
    int i = parameters;
    while (i < locals.size()) {
      int end = i;
      while (end < locals.size() && locals.get(end).type() == locals.get(i).type()) {
        end++;
      }
      code.u32(end - i);
      code.u8(locals.get(i).type().code());
      i = end;
    }
    for (Instruction instruction : body) {
      instruction.encode(code);
    }
    out.sized(code);
  }
}
