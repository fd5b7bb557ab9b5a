package dev.quern.wasm;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/**
 * Builds the body of one function and checks it as the specification's validation algorithm does
 * (appendix A.3): the types on the operand stack are tracked, and a mismatch throws at the line
 * that emits it, naming both types.
 */
public final class Code {
  /** A block, loop or if that branches may target. */
  public static final class Label {
    private final int depth;
    private final Frame frame;

    private Label(int depth, Frame frame) {
      this.depth = depth;
      this.frame = frame;
    }
  }

  private static final class Frame {
    final Opcode opcode;
    final ValueType result;
    final int height;
    boolean unreachable;

    Frame(Opcode opcode, ValueType result, int height) {
      this.opcode = opcode;
      this.result = result;
      this.height = height;
    }
  }

  private static final int VOID = 0x40;

  private final WasmModule.Builder module;
  private final String name;
  private final FunctionType type;
  private final List<Local> locals = new ArrayList<>();
  private final Map<String, Integer> names = new LinkedHashMap<>();
  private final List<Instruction> body = new ArrayList<>();
  private final List<ValueType> stack = new ArrayList<>();
  private final List<Frame> frames = new ArrayList<>();

  /** Locals that hold the vector constants of loops, by their bits. */
  private final Map<Integer, Local> constants = new LinkedHashMap<>();

  Code(WasmModule.Builder module, String name, FunctionType type, String... parameters) {
    this.module = module;
    this.name = name;
    this.type = type;
    for (int i = 0; i < type.parameters().size(); i++) {
      String label = i < parameters.length ? parameters[i] : "p" + i;
      locals.add(new Local(i, type.parameters().get(i), unique(label)));
    }
    if (type.results().size() > 1) {
      throw new EmitException(name + ": at most one result is supported");
    }
    frames.add(new Frame(Opcode.BLOCK, type.results().isEmpty() ? null : type.results().get(0), 0));
  }

  /** The parameter of that number. */
  public Local parameter(int index) {
    return locals.get(index);
  }

  /**
   * Declares a local variable; it starts as zero.
   *
   * @param label its name in the text form; a number is added where the function has that name
   */
  public Local local(ValueType localType, String label) {
    Local local = new Local(locals.size(), localType, unique(label));
    locals.add(local);
    return local;
  }

  private String unique(String label) {
    Integer before = names.get(label);
    names.put(label, before == null ? 1 : before + 1);
    return before == null ? label : unique(label + "." + (before + 1));
  }

  public Code get(Local local) {
    body.add(new Instruction(Opcode.LOCAL_GET, local.index(), 0));
    push(local.type());
    return this;
  }

  public Code set(Local local) {
    take("local.set $", local);
    body.add(new Instruction(Opcode.LOCAL_SET, local.index(), 0));
    return this;
  }

  public Code tee(Local local) {
    take("local.tee $", local);
    body.add(new Instruction(Opcode.LOCAL_TEE, local.index(), 0));
    push(local.type());
    return this;
  }

  public Code i32(int value) {
    return constant(Opcode.I32_CONST, value, 0, ValueType.I32);
  }

  public Code i64(long value) {
    return constant(Opcode.I64_CONST, value, 0, ValueType.I64);
  }

  public Code f32(float value) {
    return constant(
        Opcode.F32_CONST, Float.floatToRawIntBits(value) & 0xffffffffL, 0, ValueType.F32);
  }

  public Code f64(double value) {
    return constant(Opcode.F64_CONST, Double.doubleToRawLongBits(value), 0, ValueType.F64);
  }

  /** A vector with the same float in its four lanes. */
  public Code f32x4(float value) {
    return i32x4(Float.floatToRawIntBits(value));
  }

  /**
   * A vector with the same integer in its four lanes. Inside a loop it is read from a local that is
   * set at the function's start: V8 would make the constant anew in each pass, by three
   * instructions (seen in its x86-64 code, 2026-11-25).
   */
  public Code i32x4(int value) {
    if (value == 0 || value == -1 || !inLoop()) {
      long bits = bits(value);
      return constant(Opcode.V128_CONST, bits, bits, ValueType.V128);
    }
    return get(
        constants.computeIfAbsent(
            value, bits -> local(ValueType.V128, "const_" + Integer.toHexString(bits))));
  }

  private static long bits(int lane) {
    long bits = lane & 0xffffffffL;
    return bits | bits << 32;
  }

  private boolean inLoop() {
    for (Frame frame : frames) {
      if (frame.opcode == Opcode.LOOP) {
        return true;
      }
    }
    return false;
  }

  private Code constant(Opcode opcode, long a, long b, ValueType result) {
    body.add(new Instruction(opcode, a, b));
    push(result);
    return this;
  }

  /** Instructions without immediates. */
  public Code op(Opcode... opcodes) {
    for (Opcode opcode : opcodes) {
      switch (opcode.immediate()) {
        case NONE, ZERO, ZERO2 -> {}
        default -> throw new EmitException(opcode.mnemonic() + " needs an immediate");
      }
      switch (opcode) {
        case DROP -> popAny("drop");
        case SELECT -> {
          pop(ValueType.I32, "select");
          ValueType second = popAny("select");
          if (second == null) {
            popAny("select");
          } else {
            pop(second, "select");
            push(second);
          }
        }
        case RETURN -> {
          popResult(type.results().isEmpty() ? null : type.results().get(0), "return");
          markUnreachable();
        }
        case UNREACHABLE -> markUnreachable();
        case IF, ELSE, BLOCK, LOOP, END ->
            throw new EmitException(opcode.mnemonic() + " is written with a lambda");
        default -> apply(opcode);
      }
      body.add(new Instruction(opcode, 0, 0));
    }
    return this;
  }

  /** A memory access at a constant offset from the address on the stack. */
  public Code mem(Opcode opcode, long offset) {
    return mem(opcode, offset, 0);
  }

  /** A memory access of one lane. */
  public Code mem(Opcode opcode, long offset, int lane) {
    Immediate immediate = opcode.immediate();
    if (immediate.bytes() == 0) {
      throw new EmitException(opcode.mnemonic() + " does not access memory");
    }
    if (offset < 0 || offset > 0xffffffffL) {
      throw new EmitException(opcode.mnemonic() + ": offset " + offset + " is not 32 bits");
    }
    if (immediate.lane() && (lane < 0 || lane >= 16 / immediate.bytes())) {
      throw new EmitException(opcode.mnemonic() + " has no lane " + lane);
    }
    apply(opcode);
    body.add(new Instruction(opcode, offset, lane));
    return this;
  }

  /** Extracts or replaces a lane. */
  public Code lane(Opcode opcode, int lane) {
    if (opcode.immediate() != Immediate.LANE) {
      throw new EmitException(opcode.mnemonic() + " takes no lane");
    }
    if (lane < 0 || lane >= lanes(opcode)) {
      throw new EmitException(opcode.mnemonic() + " has no lane " + lane);
    }
    apply(opcode);
    body.add(new Instruction(opcode, 0, lane));
    return this;
  }

  /** The number of lanes that the shape in a name says, 4 in {@code F32X4_ADD}. */
  private static int lanes(Opcode opcode) {
    String name = opcode.name();
    int lanes = 0;
    for (int i = name.indexOf('X') + 1; name.charAt(i) != '_'; i++) {
      lanes = lanes * 10 + name.charAt(i) - '0';
    }
    return lanes;
  }

  /** Picks sixteen bytes from two vectors: lanes 0-15 of the first, 16-31 of the second. */
  public Code shuffle(int... lanes) {
    if (lanes.length != 16) {
      throw new EmitException("i8x16.shuffle needs 16 lanes, got " + lanes.length);
    }
    byte[] bytes = new byte[16];
    for (int i = 0; i < 16; i++) {
      if (lanes[i] < 0 || lanes[i] > 31) {
        throw new EmitException("i8x16.shuffle has no lane " + lanes[i]);
      }
      bytes[i] = (byte) lanes[i];
    }
    apply(Opcode.I8X16_SHUFFLE);
    body.add(new Instruction(Opcode.I8X16_SHUFFLE, 0, 0, bytes));
    return this;
  }

  /** The same shuffle said in 32-bit lanes: 0-3 of the first vector, 4-7 of the second. */
  public Code shuffle32(int a, int b, int c, int d) {
    int[] lanes = new int[16];
    int[] words = {a, b, c, d};
    for (int i = 0; i < 16; i++) {
      lanes[i] = words[i / 4] * 4 + i % 4;
    }
    return shuffle(lanes);
  }

  public Code block(Consumer<Label> inner) {
    return nested(Opcode.BLOCK, inner);
  }

  /** A branch to a loop's label goes back to its start. */
  public Code loop(Consumer<Label> inner) {
    return nested(Opcode.LOOP, inner);
  }

  private Code nested(Opcode opcode, Consumer<Label> inner) {
    enter(opcode, null);
    inner.accept(new Label(frames.size() - 1, frames.get(frames.size() - 1)));
    leave();
    return this;
  }

  public Code if_(Runnable then) {
    pop(ValueType.I32, "if");
    enter(Opcode.IF, null);
    then.run();
    leave();
    return this;
  }

  public Code ifElse(Runnable then, Runnable otherwise) {
    return ifElse(null, then, otherwise);
  }

  /** Both arms leave a value of that type, or none where it is null. */
  public Code ifElse(ValueType result, Runnable then, Runnable otherwise) {
    pop(ValueType.I32, "if");
    enter(Opcode.IF, result);
    then.run();
    Frame frame = frames.get(frames.size() - 1);
    end(frame);
    body.add(new Instruction(Opcode.ELSE, 0, 0));
    frames.set(frames.size() - 1, new Frame(Opcode.ELSE, result, frame.height));
    otherwise.run();
    leave();
    return this;
  }

  public Code br(Label label) {
    popResult(target(label), "br");
    body.add(new Instruction(Opcode.BR, frames.size() - 1 - label.depth, 0));
    markUnreachable();
    return this;
  }

  public Code brIf(Label label) {
    pop(ValueType.I32, "br_if");
    ValueType result = target(label);
    popResult(result, "br_if");
    if (result != null) {
      push(result);
    }
    body.add(new Instruction(Opcode.BR_IF, frames.size() - 1 - label.depth, 0));
    return this;
  }

  private ValueType target(Label label) {
    if (label.depth >= frames.size() || frames.get(label.depth) != label.frame) {
      throw problem("branch to a block that has ended");
    }
    return label.frame.opcode == Opcode.LOOP ? null : label.frame.result;
  }

  public Code call(Function function) {
    for (int i = function.type().parameters().size() - 1; i >= 0; i--) {
      pop(function.type().parameters().get(i), "call $" + function.name());
    }
    body.add(new Instruction(Opcode.CALL, function.index(), 0));
    for (ValueType result : function.type().results()) {
      push(result);
    }
    return this;
  }

  /** Calls the function of table 0 whose number is on the stack. */
  public Code callIndirect(FunctionType callee) {
    pop(ValueType.I32, "call_indirect");
    for (int i = callee.parameters().size() - 1; i >= 0; i--) {
      pop(callee.parameters().get(i), "call_indirect");
    }
    body.add(new Instruction(Opcode.CALL_INDIRECT, module.type(callee), 0));
    for (ValueType result : callee.results()) {
      push(result);
    }
    return this;
  }

  /** {@code while (i < limit) { body; i += step; }}, compared as signed. */
  public Code whileLess(Local i, Local limit, int step, Runnable inner) {
    get(i).get(limit).op(Opcode.I32_LT_S);
    return if_(() ->
        loop(again -> {
          inner.run();
          get(i).i32(step).op(Opcode.I32_ADD).tee(i);
          get(limit).op(Opcode.I32_LT_S).brIf(again);
        }));
  }

  /** Adds a constant to a local. */
  public Code increase(Local local, int by) {
    return get(local).i32(by).op(Opcode.I32_ADD).set(local);
  }

  /** Adds a local to a local. */
  public Code increase(Local local, Local by) {
    return get(local).get(by).op(Opcode.I32_ADD).set(local);
  }

  private void apply(Opcode opcode) {
    String signature = opcode.signature();
    int colon = signature.indexOf(':');
    for (int i = colon - 1; i >= 0; i--) {
      ValueType needed = ValueType.of(signature.charAt(i));
      String found = take(needed);
      if (found != null) {
        throw mismatch(opcode.mnemonic(), needed, found);
      }
    }
    for (int i = colon + 1; i < signature.length(); i++) {
      push(ValueType.of(signature.charAt(i)));
    }
  }

  private void enter(Opcode opcode, ValueType result) {
    body.add(new Instruction(opcode, result == null ? VOID : result.code(), 0));
    frames.add(new Frame(opcode, result, stack.size()));
  }

  private void leave() {
    Frame frame = frames.get(frames.size() - 1);
    end(frame);
    frames.remove(frames.size() - 1);
    body.add(new Instruction(Opcode.END, 0, 0));
    if (frame.result != null) {
      push(frame.result);
    }
  }

  private void end(Frame frame) {
    String found = frame.result == null ? null : take(frame.result);
    if (found != null) {
      throw mismatch("end of " + frame.opcode.mnemonic(), frame.result, found);
    }
    if (stack.size() != frame.height) {
      throw problem(
          "end of "
              + frame.opcode.mnemonic()
              + " leaves "
              + (stack.size() - frame.height)
              + " more values than it may");
    }
  }

  private void popResult(ValueType result, String what) {
    if (result != null) {
      pop(result, what);
    }
  }

  private void markUnreachable() {
    Frame frame = frames.get(frames.size() - 1);
    while (stack.size() > frame.height) {
      stack.remove(stack.size() - 1);
    }
    frame.unreachable = true;
  }

  private void push(ValueType value) {
    stack.add(value);
  }

  private void pop(ValueType needed, String what) {
    String found = take(needed);
    if (found != null) {
      throw mismatch(what, needed, found);
    }
  }

  private void take(String what, Local local) {
    String found = take(local.type());
    if (found != null) {
      throw mismatch(what + local.name(), local.type(), found);
    }
  }

  /** Pops a value of a type: null, or what is there instead. */
  private String take(ValueType needed) {
    Frame frame = frames.get(frames.size() - 1);
    if (stack.size() == frame.height) {
      return frame.unreachable ? null : "an empty stack";
    }
    ValueType found = stack.remove(stack.size() - 1);
    return found == needed || found == null ? null : found.text();
  }

  private EmitException mismatch(String what, ValueType needed, String found) {
    return problem(what + " needs " + needed.text() + ", found " + found);
  }

  /** Null stands for the any type of unreachable code. */
  private ValueType popAny(String what) {
    Frame frame = frames.get(frames.size() - 1);
    if (stack.size() == frame.height) {
      if (frame.unreachable) {
        return null;
      }
      throw problem(what + ", found an empty stack");
    }
    return stack.remove(stack.size() - 1);
  }

  private EmitException problem(String text) {
    return new EmitException(
        text + " (in function $" + name + ", after " + body.size() + " instructions)");
  }

  Function finish(int index) {
    Frame frame = frames.get(0);
    if (frames.size() != 1) {
      throw problem("a block is still open");
    }
    end(frame);
    body.add(new Instruction(Opcode.END, 0, 0));
    List<Instruction> whole = new ArrayList<>();
    constants.forEach((value, local) -> {
      long bits = bits(value);
      whole.add(new Instruction(Opcode.V128_CONST, bits, bits));
      whole.add(new Instruction(Opcode.LOCAL_SET, local.index(), 0));
    });
    whole.addAll(body);
    return new Function(index, name, type, List.copyOf(locals), whole);
  }
}
