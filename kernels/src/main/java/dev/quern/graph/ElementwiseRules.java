package dev.quern.graph;

import static dev.quern.graph.ElementwiseOp.ABS;
import static dev.quern.graph.ElementwiseOp.ADD;
import static dev.quern.graph.ElementwiseOp.CAST;
import static dev.quern.graph.ElementwiseOp.DIV;
import static dev.quern.graph.ElementwiseOp.ERF;
import static dev.quern.graph.ElementwiseOp.EXP;
import static dev.quern.graph.ElementwiseOp.FMOD;
import static dev.quern.graph.ElementwiseOp.LESS;
import static dev.quern.graph.ElementwiseOp.LESS_EQUAL;
import static dev.quern.graph.ElementwiseOp.LOG;
import static dev.quern.graph.ElementwiseOp.MAX;
import static dev.quern.graph.ElementwiseOp.MIN;
import static dev.quern.graph.ElementwiseOp.MOD;
import static dev.quern.graph.ElementwiseOp.MUL;
import static dev.quern.graph.ElementwiseOp.NEG;
import static dev.quern.graph.ElementwiseOp.POW;
import static dev.quern.graph.ElementwiseOp.ROUND;
import static dev.quern.graph.ElementwiseOp.SUB;
import static dev.quern.graph.ElementwiseOp.TANH;
import static dev.quern.graph.ElementwiseOp.WHERE;

import dev.quern.onnx.DataType;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Operators that become element-wise programs. Operands broadcast as numpy's. */
final class ElementwiseRules {
  private ElementwiseRules() {}

  /** An operator that is one instruction on operands of one type. */
  static void plain(Site s, ElementwiseOp op) {
    int first = op == WHERE ? 1 : 0;
    for (int i = first + 1; i < op.arity(); i++) {
      if (s.type(i) != s.type(first)) {
        throw Site.unsupported(
            "its operands are " + s.type(first).label() + " and " + s.type(i).label(),
            "both must have one type: export the model again");
      }
    }
    DataType result = op.isComparison() ? DataType.BOOL : s.type(first);
    if (!followContents(s, op, result)) {
      List<DataType> types = types(s, op.arity());
      write(s, ElementwiseProgram.single(op, result, types));
    }
  }

  /** An operator of any number of operands that is the same as a chain of two at a time. */
  static void chain(Site s, ElementwiseOp op) {
    if (s.inputs() == 1) {
      s.alias(0, 0);
    } else if (s.inputs() == 2) {
      plain(s, op);
    } else {
      ProgramBuilder program = new ProgramBuilder(types(s, s.inputs()));
      int result = 0;
      for (int i = 1; i < s.inputs(); i++) {
        if (s.type(i) != s.type(0)) {
          throw Site.unsupported("its operands have different types", "cast them");
        }
        result = program.op(op, result, i);
      }
      write(s, program.build(result));
    }
  }

  static void pow(Site s) {
    DataType base = s.type(0);
    DataType exponent = s.type(1);
    if (base == exponent) {
      plain(s, POW);
      return;
    }
    ProgramBuilder program = new ProgramBuilder(List.of(base, exponent));
    if (base.isFloating()) {
      program.op(POW, 0, program.typed(CAST, base, 1));
    } else {
      // A whole number to a real power: computed in f64, then cut towards 0; what is whole but for
      // rounding is not cut.
      DataType real = DataType.DOUBLE;
      int power = program.op(POW, program.typed(CAST, real, 0), program.typed(CAST, real, 1));
      int whole = program.op(ROUND, power);
      int distance = program.op(ABS, program.op(SUB, power, whole));
      int near = program.op(MUL, program.op(ABS, power), program.constant(real, 1e-12));
      int isWhole = program.op(LESS_EQUAL, distance, near);
      program.typed(CAST, base, program.op(WHERE, isWhole, whole, power));
    }
    write(s, program.build());
  }

  static void mod(Site s) {
    boolean cLike = s.integer("fmod", 0) != 0;
    if (!cLike && s.type(0).isFloating()) {
      throw Site.unsupported("reals need fmod=1", "export the model again");
    }
    plain(s, cLike ? FMOD : MOD);
  }

  static void leakyRelu(Site s) {
    DataType type = s.type(0);
    ProgramBuilder p = new ProgramBuilder(type);
    int scaled = p.op(MUL, 0, p.constant(type, (float) s.real("alpha", 0.01f)));
    p.op(WHERE, p.op(LESS, 0, p.constant(type, 0)), scaled, 0);
    write(s, p.build());
  }

  static void clip(Site s) {
    DataType type = s.type(0);
    boolean asInputs = s.opset() >= 11;
    List<DataType> types = new ArrayList<>(List.of(type));
    List<String> operands = new ArrayList<>(List.of(s.operand(0)));
    for (int i = 1; asInputs && i <= 2; i++) {
      if (s.has(i)) {
        if (s.type(i) != type || !s.shape(i).size().is(1)) {
          throw Site.unsupported("its limits are no scalars of " + type.label(), "");
        }
        types.add(type);
        operands.add(s.reshaped(s.operand(i), type, s.shape(i), Shape.SCALAR));
      }
    }
    ProgramBuilder p = new ProgramBuilder(types);
    int value = 0;
    // A limit that is absent is the type's largest finite number: infinities become finite.
    double huge = largest(type);
    if (asInputs && s.has(1)) {
      value = p.op(MAX, value, 1);
    } else if (type.isFloating()) {
      value = p.op(MAX, value, p.constant(type, asInputs ? -huge : s.real("min", -huge)));
    }
    if (asInputs && s.has(2)) {
      value = p.op(MIN, value, types.size() - 1);
    } else if (type.isFloating()) {
      value = p.op(MIN, value, p.constant(type, asInputs ? huge : s.real("max", huge)));
    }
    if (value == 0) {
      s.alias(0, 0);
    } else {
      write(s, p.build(), operands, s.shape(0));
    }
  }

  private static double largest(DataType type) {
    return switch (type) {
      case FLOAT16 -> 65504;
      case BFLOAT16 -> 0x1.fep127;
      case DOUBLE -> Double.MAX_VALUE;
      default -> Float.MAX_VALUE;
    };
  }

  static void gelu(Site s) {
    DataType type = s.type(0);
    ProgramBuilder p = new ProgramBuilder(type);
    String approximate = s.text("approximate", "none");
    int inner;
    if (approximate.equals("tanh")) {
      // 0.5 x (1 + tanh(√(2/π) (x + 0.044715 x³)))
      int cube = p.op(MUL, p.op(MUL, 0, 0), 0);
      int sum = p.op(ADD, 0, p.op(MUL, cube, p.constant(type, 0.044715)));
      inner = p.op(TANH, p.op(MUL, sum, p.constant(type, Math.sqrt(2 / Math.PI))));
    } else if (approximate.equals("none")) {
      inner = p.op(ERF, p.op(DIV, 0, p.constant(type, Math.sqrt(2))));
    } else {
      throw Site.unsupported("its approximation '" + approximate + "' is unknown", "");
    }
    int onePlus = p.op(ADD, inner, p.constant(type, 1));
    p.op(MUL, p.op(MUL, 0, onePlus), p.constant(type, 0.5));
    write(s, p.build());
  }

  static void hardSigmoid(Site s) {
    ProgramBuilder p = new ProgramBuilder(s.type(0));
    hardSigmoid(p, s.type(0), (float) s.real("alpha", 0.2f), (float) s.real("beta", 0.5f));
    write(s, p.build());
  }

  static void hardSwish(Site s) {
    ProgramBuilder p = new ProgramBuilder(s.type(0));
    p.op(MUL, 0, hardSigmoid(p, s.type(0), 1 / 6f, 0.5f));
    write(s, p.build());
  }

  /** {@code max(0, min(1, alpha·x + beta))}. */
  private static int hardSigmoid(ProgramBuilder p, DataType type, double alpha, double beta) {
    int line = p.op(ADD, p.op(MUL, 0, p.constant(type, alpha)), p.constant(type, beta));
    return p.op(MAX, p.op(MIN, line, p.constant(type, 1)), p.constant(type, 0));
  }

  /** {@code max(x, 0) + log(1 + exp(-|x|))}, which does not overflow. */
  static void softplus(Site s) {
    DataType type = s.type(0);
    ProgramBuilder p = new ProgramBuilder(type);
    int decay = p.op(EXP, p.op(NEG, p.op(ABS, 0)));
    int log = p.op(LOG, p.op(ADD, decay, p.constant(type, 1)));
    p.op(ADD, p.op(MAX, 0, p.constant(type, 0)), log);
    write(s, p.build());
  }

  static void cast(Site s) {
    cast(s, s.computed(DataType.ofCode(s.integer("to", 0))));
  }

  /** A cast of the first input. */
  static void cast(Site s, DataType to) {
    DataType from = s.type(0);
    if (!GraphImporter.isSupported(to)) {
      throw Site.unsupported("it casts to " + to.label(), "cast to f32");
    }
    Optional<List<Dim>> contents = s.elements(0);
    if (from == DataType.FLOAT16 && to == DataType.FLOAT && !s.varies(0)) {
      s.node(0, Node.QUERN, "Widen", List.of(s.operand(0)), Map.of(), to, s.shape(0));
    } else if (from == to) {
      s.alias(0, 0);
    } else if (contents.isPresent() && to == DataType.INT64
        || contents.isPresent() && to == DataType.INT32 && from == DataType.BOOL) {
      s.contents(0, to, s.shape(0), contents.get());
    } else if (contents.isPresent() && to == DataType.INT32 && fitInt(contents.get())) {
      s.contents(0, to, s.shape(0), contents.get());
    } else if (contents.isPresent() && to.isFloating() && areConstant(contents.get())) {
      double[] numbers = new double[contents.get().size()];
      for (int i = 0; i < numbers.length; i++) {
        numbers[i] = contents.get().get(i).constant();
      }
      s.constant(0, Constants.numbers(s.output(0), to, s.shape(0), numbers));
    } else {
      write(s, ElementwiseProgram.single(CAST, to, List.of(from)));
    }
  }

  private static boolean areConstant(List<Dim> contents) {
    for (Dim dim : contents) {
      if (!dim.isConstant()) {
        return false;
      }
    }
    return true;
  }

  /** Whether numbers survive a cast to i32; sizes that are symbols are taken to. */
  private static boolean fitInt(List<Dim> contents) {
    for (Dim dim : contents) {
      if (dim.isConstant() && dim.constant() != (int) dim.constant()) {
        return false;
      }
    }
    return true;
  }

  private static List<DataType> types(Site s, int count) {
    List<DataType> types = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      types.add(s.type(i));
    }
    return types;
  }

  /** Computes the output's elements while importing, if all operands' elements are known. */
  private static boolean followContents(Site s, ElementwiseOp op, DataType result) {
    if (!Contents.isFollowed(result)) {
      return false;
    }
    Shape shape = Shape.SCALAR;
    for (int i = 0; i < op.arity(); i++) {
      if (s.contents(i).isEmpty()) {
        return false;
      }
      shape = s.broadcast(shape, s.shape(i));
    }
    List<Dim> elements = new ArrayList<>();
    for (long at = 0; at < shape.size().constant(); at++) {
      List<Dim> operands = new ArrayList<>();
      for (int i = 0; i < op.arity(); i++) {
        List<Dim> all = s.contents(i).get();
        operands.add(all.get(all.size() == 1 ? 0 : (int) at));
      }
      Optional<Dim> element = Contents.apply(op, operands);
      if (element.isEmpty()) {
        return false;
      }
      elements.add(element.get());
    }
    s.contents(0, result, shape, elements);
    return true;
  }

  /** Writes a program whose inputs are the node's first inputs. */
  static void write(Site s, ElementwiseProgram program) {
    List<String> operands = new ArrayList<>();
    Shape shape = Shape.SCALAR;
    for (int i = 0; i < program.inputs().size(); i++) {
      operands.add(s.operand(i));
      shape = s.broadcast(shape, s.shape(i));
    }
    write(s, program, operands, shape);
  }

  private static void write(
      Site s, ElementwiseProgram program, List<String> operands, Shape shape) {
    s.node(
        0,
        Node.QUERN,
        "Elementwise",
        operands,
        Map.of("program", new Attribute.Program(program)),
        program.result(),
        shape);
  }
}
