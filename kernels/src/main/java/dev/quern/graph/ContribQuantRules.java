package dev.quern.graph;

import static dev.quern.graph.ElementwiseOp.*;

import dev.quern.onnx.DataType;
import dev.quern.onnx.OnnxAttribute;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Operators of {@code com.microsoft} on numbers of 8 bits with a scale and a zero point. */
final class ContribQuantRules {
  private static final DataType F32 = DataType.FLOAT;

  private ContribQuantRules() {}

  /** {@code (x - zero)·scale} of three inputs; the zero point may be absent. */
  private static Value real(Site s, Compose c, int input) {
    if (!QuantRules.isByte(s.type(input)) || s.type(input + 1) != F32) {
      throw Site.unsupported("its input " + input + " is " + s.type(input).label(), "use u8 or i8");
    }
    List<Value> operands = new ArrayList<>(List.of(c.input(input), single(s, c, input + 1)));
    if (s.has(input + 2)) {
      operands.add(single(s, c, input + 2));
    }
    ElementwiseProgram program = QuantRules.dequantize(s.type(input), operands.size() == 3);
    return c.apply(program, operands.toArray(new Value[0]));
  }

  private static Value single(Site s, Compose c, int input) {
    if (!s.shape(input).size().is(1)) {
      throw Site.unsupported("its input " + input + " is " + s.shape(input), "use a scalar");
    }
    return c.reshape(c.input(input), Shape.SCALAR);
  }

  /** {@code saturate(round(x / scale) + zero)} by two inputs; u8 without a zero point. */
  private static Value whole(Site s, Compose c, Value x, int scale) {
    DataType type = s.has(scale + 1) ? s.type(scale + 1) : DataType.UINT8;
    if (!QuantRules.isByte(type)) {
      throw Site.unsupported("it makes " + type.label(), "use u8 or i8");
    }
    List<Value> operands = new ArrayList<>(List.of(x, single(s, c, scale)));
    List<DataType> types = new ArrayList<>(List.of(F32, F32));
    if (s.has(scale + 1)) {
      operands.add(single(s, c, scale + 1));
      types.add(type);
    }
    ProgramBuilder p = new ProgramBuilder(types);
    int rounded = p.op(ROUND, p.op(DIV, 0, 1));
    boolean zero = types.size() == 3;
    QuantRules.saturate(p, zero ? p.op(ADD, rounded, p.typed(CAST, F32, 2)) : rounded, type);
    return c.apply(p, operands.toArray(new Value[0]));
  }

  static void add(Site s) {
    Compose c = new Compose(s);
    c.output(0, whole(s, c, c.apply(ADD, real(s, c, 0), real(s, c, 3)), 6));
  }

  /** {@code saturate(round((a - aZero)·(b - bZero)·(aScale·bScale/yScale)) + yZero)}. */
  static void mul(Site s) {
    DataType type = s.has(7) ? s.type(7) : DataType.UINT8;
    if (!QuantRules.isByte(type) || s.type(3) != s.type(0)) {
      throw Site.unsupported("it makes " + type.label() + " of " + s.type(3).label(), "");
    }
    Compose c = new Compose(s);
    Value product = c.apply(MUL, centred(s, c, 0), centred(s, c, 3));
    ProgramBuilder p = new ProgramBuilder(List.of(DataType.INT32, F32, F32, F32, type));
    int factor = p.op(DIV, p.op(MUL, 1, 2), 3);
    int rounded = p.op(ROUND, p.op(MUL, p.typed(CAST, F32, 0), factor));
    QuantRules.saturate(p, p.op(ADD, rounded, p.typed(CAST, F32, 4)), type);
    Value zero = s.has(7) ? single(s, c, 7) : c.constant(Constants.scalar("", type, 0));
    c.output(0, c.apply(p, product, single(s, c, 1), single(s, c, 4), single(s, c, 6), zero));
  }

  /** A number less its zero point, as i32. */
  private static Value centred(Site s, Compose c, int input) {
    Value x = c.cast(c.input(input), DataType.INT32);
    return s.has(input + 2) ? c.apply(SUB, x, c.cast(single(s, c, input + 2), DataType.INT32)) : x;
  }

  /** An operator of one input, between making reals and whole numbers again. */
  static void unary(Site s, String op, Operator.Rule rule) {
    Compose c = new Compose(s);
    Value x = real(s, c, 0);
    c.output(0, whole(s, c, s.child(op, List.of(x), s.attributes(), rule), 3));
  }

  static void globalAveragePool(Site s) {
    if (s.integer("channels_last", 0) != 0) {
      throw Site.unsupported("its channels are the last axis", "export with channels first");
    }
    unary(s, "GlobalAveragePool", t -> ImageRules.globalPool(t, "ReduceMean"));
  }

  static void averagePool(Site s) {
    if (s.integer("channels_last", 0) != 0) {
      throw Site.unsupported("its channels are the last axis", "export with channels first");
    }
    unary(s, "AveragePool", ImageRules::averagePool);
  }

  /** Scale and zero point of the result, then three inputs for each part. */
  static void concat(Site s) {
    Compose c = new Compose(s);
    List<Value> parts = new ArrayList<>();
    for (int i = 2; i + 1 < s.inputs(); i += 3) {
      parts.add(real(s, c, i));
    }
    int axis = s.axis(s.integer("axis", 0), parts.getFirst().shape().rank());
    c.output(0, whole(s, c, c.concat(axis, parts), 0));
  }

  /**
   * A product of f32, quantised in each run, and bytes with a scale: written as exporters do it, so
   * that the pass that knows them makes one product of it.
   */
  static void dynamicMatMul(Site s) {
    Compose c = new Compose(s);
    Map<String, OnnxAttribute> none = Map.of();
    List<Value> made =
        s.children(
            "DynamicQuantizeLinear",
            List.of(c.input(0)),
            none,
            QuantRules::dynamicQuantizeLinear,
            3);
    List<Value> operands = new ArrayList<>(List.of(made.get(0), c.input(1), made.get(2)));
    if (s.has(3)) {
      operands.add(c.input(3));
    }
    Value sums = s.child("MatMulInteger", operands, none, QuantRules::matMulInteger);
    Value scale = c.apply(MUL, made.get(1), scale(s, c, 2, s.shape(1)));
    Value product = c.apply(MUL, c.cast(sums, F32), scale);
    c.output(0, s.has(4) ? c.apply(ADD, product, c.input(4)) : product);
  }

  private static Value scale(Site s, Compose c, int input, Shape weights) {
    Value scale = c.input(input);
    if (scale.shape().size().is(1)) {
      return c.reshape(scale, Shape.SCALAR);
    }
    s.same(scale.shape().size(), weights.dim(-1), "the scales and columns");
    return scale;
  }

  /** {@code MatMulInteger} times both scales, and a bias. */
  static void matMulToFloat(Site s) {
    Compose c = new Compose(s);
    List<Value> operands = new ArrayList<>(List.of(c.input(0), c.input(1)));
    if (s.has(4) || s.has(5)) {
      operands.add(s.has(4) ? c.input(4) : c.constant(Constants.scalar("", s.type(0), 0)));
    }
    if (s.has(5)) {
      operands.add(c.input(5));
    }
    Value sums = s.child("MatMulInteger", operands, Map.of(), QuantRules::matMulInteger);
    Value scales = c.apply(MUL, single(s, c, 2), scale(s, c, 3, s.shape(1)));
    Value product = c.apply(MUL, c.cast(sums, F32), scales);
    c.output(0, s.has(6) ? c.apply(ADD, product, c.input(6)) : product);
  }

  /** {@code alpha·A·B + C}, C of i32 in units of both scales; f32, or bytes if scale 7 is there. */
  static void gemm(Site s) {
    Compose c = new Compose(s);
    Value a = real(s, c, 0);
    Value b = columns(s, c);
    a = s.integer("transA", 0) != 0 ? c.transpose(a, 1, 0) : a;
    b = s.integer("transB", 0) != 0 ? c.transpose(b, 1, 0) : b;
    Value product = c.matMul(a, b);
    double alpha = (float) s.real("alpha", 1);
    product = alpha == 1 ? product : c.apply(MUL, product, alpha);
    if (s.has(6)) {
      Value scale = c.apply(MUL, single(s, c, 1), scale(s, c, 4, b.shape()));
      Value bias = c.apply(MUL, c.cast(c.input(6), F32), scale);
      product = c.apply(ADD, product, alpha == 1 ? bias : c.apply(MUL, bias, alpha));
    }
    c.output(0, s.has(7) ? whole(s, c, product, 7) : product);
  }

  private static Value columns(Site s, Compose c) {
    if (s.shape(4).size().is(1)) {
      return real(s, c, 3);
    }
    Map<String, OnnxAttribute> axis = new LinkedHashMap<>();
    axis.put("axis", new OnnxAttribute.Int(s.integer("transB", 0) != 0 ? 0 : 1));
    List<Value> operands = new ArrayList<>(List.of(c.input(3), c.input(4)));
    if (s.has(5)) {
      operands.add(c.input(5));
    }
    return s.child("DequantizeLinear", operands, axis, QuantRules::dequantizeLinear);
  }
}
