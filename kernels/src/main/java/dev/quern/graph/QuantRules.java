package dev.quern.graph;

import static dev.quern.graph.ElementwiseOp.ADD;
import static dev.quern.graph.ElementwiseOp.CAST;
import static dev.quern.graph.ElementwiseOp.DIV;
import static dev.quern.graph.ElementwiseOp.MAX;
import static dev.quern.graph.ElementwiseOp.MIN;
import static dev.quern.graph.ElementwiseOp.MUL;
import static dev.quern.graph.ElementwiseOp.ROUND;
import static dev.quern.graph.ElementwiseOp.SUB;

import dev.quern.onnx.DataType;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Numbers of 8 bits: what makes them, what multiplies them, what makes f32 of them again. */
public final class QuantRules {
  private static final DataType F32 = DataType.FLOAT;

  private QuantRules() {}

  /** Whether a type is u8 or i8. */
  public static boolean isByte(DataType type) {
    return type == DataType.UINT8 || type == DataType.INT8;
  }

  private static boolean isNarrow(DataType type) {
    return isByte(type) || type == DataType.UINT16 || type == DataType.INT16;
  }

  // --- between f32 and few bits ---

  /** Three outputs become three nodes, {@code part} 0 to 2: numbers, scale, zero point. */
  static void dynamicQuantizeLinear(Site s) {
    for (int part = 0; part < 3; part++) {
      if (s.wants(part)) {
        s.node(
            part,
            Node.QUERN,
            "DynamicQuantize",
            List.of(s.operand(0)),
            part(part),
            part == 1 ? F32 : DataType.UINT8,
            part == 0 ? s.shape(0) : Shape.SCALAR);
      }
    }
  }

  private static Map<String, Attribute> part(int part) {
    return Map.of("part", new Attribute.Int(part));
  }

  static void quantizeLinear(Site s) {
    DataType type = s.has(2) ? s.type(2) : DataType.ofCode(s.integer("output_dtype", 2));
    if (!isNarrow(type) || s.type(1) != F32) {
      throw Site.unsupported("it makes " + type.label() + " of f32", "use u8, i8, u16 or i16");
    }
    Layout layout = new Layout(s);
    List<String> operands = new ArrayList<>(layout.operands(3));
    write(s, layout, operands, type, program(type, operands.size() == 3));
  }

  private static ElementwiseProgram program(DataType type, boolean zero) {
    ProgramBuilder p = new ProgramBuilder(zero ? List.of(F32, F32, type) : List.of(F32, F32));
    int whole = p.op(ROUND, p.op(DIV, 0, 1));
    saturate(p, zero ? p.op(ADD, whole, p.typed(CAST, F32, 2)) : whole, type);
    return p.build();
  }

  /** Appends a cast of a whole f32 to 8 or 16 bits, the nearest of them where it does not fit. */
  static void saturate(ProgramBuilder p, int whole, DataType type) {
    boolean signed = type == DataType.INT8 || type == DataType.INT16;
    double count = isByte(type) ? 256 : 65536;
    int least = p.constant(F32, signed ? -count / 2 : 0);
    int most = p.constant(F32, signed ? count / 2 - 1 : count - 1);
    p.typed(CAST, type, p.op(MIN, p.op(MAX, whole, least), most));
  }

  static void dequantizeLinear(Site s) {
    if (s.type(1) != F32) {
      throw Site.unsupported("its scale is " + s.type(1).label(), "use f32");
    }
    if (s.has(2) && s.type(2) != s.type(0)) {
      throw Site.unsupported("its zero point is " + s.type(2).label(), "export the model again");
    }
    Layout layout = new Layout(s);
    List<String> operands = layout.operands(3);
    if (layout.shape.equals(s.shape(0))) {
      s.node(0, Node.QUERN, "Dequantize", operands, Map.of(), F32, layout.shape);
    } else {
      String blocks = s.between(Node.QUERN, "Dequantize", operands, Map.of(), F32, layout.shape);
      s.node(0, "", "Reshape", List.of(blocks), Map.of(), F32, s.shape(0));
    }
  }

  /** Attributes of an element-wise node that makes i32 of an f32 that is whole. */
  public static Map<String, Attribute> toWhole() {
    ElementwiseProgram cast = ElementwiseProgram.single(CAST, DataType.INT32, List.of(F32));
    return Map.of("program", new Attribute.Program(cast), "whole", new Attribute.Int(1));
  }

  /**
   * {@code (x - zero) · scale} for numbers of a type; the zero point is the third input if there is
   * one.
   */
  public static ElementwiseProgram dequantize(DataType type, boolean zero) {
    ProgramBuilder p = new ProgramBuilder(zero ? List.of(type, F32, type) : List.of(type, F32));
    int x = p.typed(CAST, F32, 0);
    p.op(MUL, zero ? p.op(SUB, x, p.typed(CAST, F32, 2)) : x, 1);
    return p.build();
  }

  /** How scale and zero point go along x: one for all, one for each place of an axis, or blocks. */
  private static final class Layout {
    private final Site site;
    private Shape shape;
    private Shape side;

    Layout(Site s) {
      site = s;
      shape = s.shape(0);
      Shape scale = s.shape(1);
      long block = s.integer("block_size", 0);
      if (scale.size().is(1)) {
        side = Shape.SCALAR;
        return;
      }
      int axis = s.axis(s.integer("axis", 1), shape.rank());
      List<Dim> dims = new ArrayList<>(shape.dims());
      if (block == 0) {
        if (scale.rank() != 1) {
          throw Site.unsupported("its scale " + scale + " is no vector", "");
        }
        List<Dim> ones = new ArrayList<>();
        ones.add(
            s.same(scale.dim(0), dims.get(axis), "the sizes of its scale and of axis " + axis));
        for (int i = axis + 1; i < dims.size(); i++) {
          ones.add(Dim.ONE);
        }
        side = new Shape(ones);
        return;
      }
      Dim blocks = dims.get(axis).dividedBy(Dim.of(block));
      if (scale.rank() != shape.rank() || !blocks.times(Dim.of(block)).equals(dims.get(axis))) {
        throw Site.unsupported(
            "its blocks of " + block + " do not fit axis " + axis + " of " + shape, "");
      }
      List<Dim> sides = new ArrayList<>(scale.dims());
      for (int i = 0; i < dims.size(); i++) {
        s.same(sides.get(i), i == axis ? blocks : dims.get(i), "the sizes of its scale and x");
      }
      dims.set(axis, blocks);
      dims.add(axis + 1, Dim.of(block));
      sides.add(axis + 1, Dim.ONE);
      shape = new Shape(dims);
      side = new Shape(sides);
    }

    /** x, scale and zero point, if there is one, in shapes that broadcast. */
    List<String> operands(int count) {
      List<String> operands = new ArrayList<>();
      for (int i = 0; i < count && site.has(i); i++) {
        Shape wanted = i == 0 ? shape : side;
        operands.add(site.reshaped(site.operand(i), site.type(i), site.shape(i), wanted));
      }
      return operands;
    }
  }

  private static void write(
      Site s, Layout layout, List<String> operands, DataType type, ElementwiseProgram program) {
    Map<String, Attribute> attributes = Map.of("program", new Attribute.Program(program));
    if (layout.shape.equals(s.shape(0))) {
      s.node(0, Node.QUERN, "Elementwise", operands, attributes, type, layout.shape);
    } else {
      String blocks =
          s.between(Node.QUERN, "Elementwise", operands, attributes, type, layout.shape);
      s.node(0, "", "Reshape", List.of(blocks), Map.of(), type, s.shape(0));
    }
  }

  // --- products ---

  static void matMulInteger(Site s) {
    integers(s, 0, 1, 2, 3, true);
  }

  /** The sums of a product of whole numbers; zero points that are absent are 0. */
  private static Value integers(Site s, int a, int b, int aZero, int bZero, boolean last) {
    if (!isByte(s.type(a)) || !isByte(s.type(b))) {
      throw Site.unsupported("its operands are no u8 or i8", "");
    }
    List<String> zeros = new ArrayList<>();
    for (int side = 0; side < 2; side++) {
      int zero = side == 0 ? aZero : bZero;
      if (!s.has(zero)) {
        zeros.add("");
        continue;
      }
      Shape shape = s.shape(zero);
      if (s.type(zero) != s.type(side == 0 ? a : b)) {
        throw Site.unsupported("a zero point is " + s.type(zero).label(), "");
      }
      boolean one = shape.size().is(1);
      if (!one && (side == 0 || shape.rank() != 1)) {
        throw Site.unsupported("a zero point has the shape " + shape, "use one, or one a column");
      }
      zeros.add(s.reshaped(s.operand(zero), s.type(zero), shape, one ? Shape.SCALAR : shape));
    }
    return MathRules.product(s, "MatMulInteger", a, b, zeros, DataType.INT32, last);
  }

  /**
   * ONNX Runtime's product with weights of 4 or 8 bits in blocks; accuracy_level 4 lets A be
   * rounded to 8 bits.
   *
   * @see <a href="https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md">its
   *     definition</a>
   */
  static void matMulNBits(Site s) {
    long k = s.integer("K", 0);
    long n = s.integer("N", 0);
    long bits = s.integer("bits", 4);
    long block = s.integer("block_size", 0);
    if (bits != 4 && bits != 8 || block < 16 || block > 256 || Long.bitCount(block) != 1) {
      throw Site.unsupported(
          "its blocks of " + block + " numbers of " + bits + " bits", "use 16 to 256 of 4 or 8");
    }
    if (s.type(0) != F32) {
      throw Site.unsupported("A is " + s.type(0).label(), "use f32");
    }
    if (s.has(4)) {
      throw Site.unsupported("it reorders k by g_idx", "quantise without act_order");
    }
    Shape a = s.shape(0);
    if (a.rank() < 1 || k < 1 || n < 1 || k > Integer.MAX_VALUE || n > Integer.MAX_VALUE) {
      throw Site.unsupported("A is " + a + ", K " + k + ", N " + n, "");
    }
    s.same(a.dim(-1), Dim.of(k), "the last size of A and K");
    long blocks = (k + block - 1) / block;
    long bytes = block * bits / 8;
    List<String> operands = new ArrayList<>();
    Shape left = a.rank() == 1 ? new Shape(List.of(Dim.ONE, a.dim(0))) : a;
    operands.add(s.reshaped(s.operand(0), F32, a, left));
    operands.add(side(s, 1, DataType.UINT8, Shape.of(n, blocks, bytes)));
    operands.add(side(s, 2, F32, Shape.of(n, blocks)));
    boolean zeros = s.has(3);
    operands.add(zeros ? side(s, 3, DataType.UINT8, Shape.of(n, (blocks * bits + 7) / 8)) : "");
    Map<String, Attribute> attributes = new LinkedHashMap<>();
    attributes.put("scaled", new Attribute.Int(1));
    attributes.put("bits", new Attribute.Int(bits));
    attributes.put("block", new Attribute.Int(block));
    attributes.put("quantised", new Attribute.Int(s.integer("accuracy_level", 0) == 4 ? 1 : 0));
    if (s.has(5)) {
      operands.add(side(s, 5, F32, Shape.of(n)));
      attributes.put(
          "program", new Attribute.Program(ElementwiseProgram.single(ADD, F32, List.of(F32, F32))));
    }
    List<Dim> dims = new ArrayList<>(left.dims());
    dims.set(dims.size() - 1, Dim.of(n));
    Shape product = new Shape(dims);
    if (a.rank() > 1) {
      s.node(0, Node.QUERN, "MatMul", operands, attributes, F32, product);
    } else {
      String row = s.between(Node.QUERN, "MatMul", operands, attributes, F32, product);
      s.node(0, "", "Reshape", List.of(row), Map.of(), F32, Shape.of(n));
    }
  }

  /** A constant operand of a type and so many elements, in a shape. */
  private static String side(Site s, int input, DataType type, Shape shape) {
    if (s.type(input) != type || s.constant(input).isEmpty()) {
      throw Site.unsupported(
          "its input " + input + " is " + s.type(input).label() + " or computed",
          "use a constant of " + type.label());
    }
    Dim wanted = shape.size();
    s.same(s.shape(input).size(), wanted, "the sizes of its input " + input + " and of " + shape);
    return s.reshaped(s.operand(input), type, s.shape(input), shape);
  }

  /** {@code saturate(round(sums · (aScale·bScale/yScale)) + yZero)}. */
  static void qLinearMatMul(Site s) {
    Value sums = integers(s, 0, 3, 2, 5, false);
    DataType type = s.type(7);
    if (!isByte(type)) {
      throw Site.unsupported("it makes " + type.label(), "use u8 or i8");
    }
    ProgramBuilder p = new ProgramBuilder(List.of(DataType.INT32, F32, F32, F32, type));
    int factor = p.op(DIV, p.op(MUL, 1, 2), 3);
    int whole = p.op(ROUND, p.op(MUL, p.typed(CAST, F32, 0), factor));
    saturate(p, p.op(ADD, whole, p.typed(CAST, F32, 4)), type);
    List<String> operands = new ArrayList<>(List.of(sums.name()));
    for (int input : new int[] {1, 4, 6, 7}) {
      Shape shape = s.shape(input);
      boolean one = shape.size().is(1);
      if (!one && (input != 4 || shape.rank() != 1)) {
        throw Site.unsupported("input " + input + " has the shape " + shape, "use a scalar");
      }
      operands.add(s.reshaped(s.operand(input), s.type(input), shape, one ? Shape.SCALAR : shape));
    }
    elementwise(s, operands, p.build(), sums.shape());
  }

  private static void elementwise(
      Site s, List<String> operands, ElementwiseProgram program, Shape shape) {
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
