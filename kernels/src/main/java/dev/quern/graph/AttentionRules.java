package dev.quern.graph;

import static dev.quern.graph.ElementwiseOp.*;

import dev.quern.onnx.DataType;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Attention as one operator: ONNX's of version 23, and those of {@code com.microsoft}. They become
 * {@code quern.Attention} on {@code [batch, seq, heads·size]}, with masks that are added.
 */
final class AttentionRules {
  private static final DataType F32 = DataType.FLOAT;
  static final double LOWEST = -Float.MAX_VALUE;

  private AttentionRules() {}

  /**
   * Queries, keys or values.
   *
   * @param apart {@code [b, heads, s, d]}
   * @param flat the same as {@code [b, s, heads·d]}; null where it does not lie so
   */
  record Heads(Value apart, Value flat) {
    static Heads apart(Value value) {
      return new Heads(value, null);
    }

    Shape shape() {
      return apart.shape();
    }

    /** Behind those of earlier runs. */
    Heads behind(Compose c, Value past) {
      return apart(c.concat(2, List.of(past, apart)));
    }
  }

  /** {@code [b, heads, s, d]} as {@code [b, s, heads·d]}. */
  private static Value flat(Compose c, Value x) {
    Shape shape = x.shape();
    Value moved = c.transpose(x, 0, 2, 1, 3);
    return c.reshape(moved, shape.dim(0), shape.dim(2), shape.dim(1).times(shape.dim(3)));
  }

  /** {@code [b, s, heads·d]} as heads. */
  static Heads heads(Site s, Compose c, Value x, long heads) {
    return new Heads(apart(s, c, x, heads), x);
  }

  /** {@code [b, s, heads·d]} as {@code [b, heads, s, d]}. */
  private static Value apart(Site s, Compose c, Value x, long heads) {
    Shape shape = x.shape();
    if (heads < 1 || shape.rank() != 3) {
      throw Site.unsupported("it has " + heads + " heads in " + shape, "");
    }
    Dim size = shape.dim(2).dividedBy(Dim.of(heads));
    s.same(size.times(Dim.of(heads)), shape.dim(2), "the hidden size and the heads");
    Value split = c.reshape(x, shape.dim(0), shape.dim(1), Dim.of(heads), size);
    return c.transpose(split, 0, 2, 1, 3);
  }

  /** Each head of {@code [b, heads, s, d]} several times, one behind the other. */
  private static Value repeated(Compose c, Value x, long times) {
    if (times == 1) {
      return x;
    }
    Shape shape = x.shape();
    Dim b = shape.dim(0);
    Dim h = shape.dim(1);
    Value one = c.reshape(x, b, h, Dim.ONE, shape.dim(2), shape.dim(3));
    Shape wide = new Shape(List.of(b, h, Dim.of(times), shape.dim(2), shape.dim(3)));
    return c.reshape(c.expand(one, wide), b, h.times(Dim.of(times)), shape.dim(2), shape.dim(3));
  }

  /**
   * {@code softmax(scale·Q·Kᵀ + mask)·V}; heads of Q may share those of K and V.
   *
   * @param mask of f32, broadcast to {@code [b, heads, sq, sk]}; or null
   * @param cap scores become {@code cap·tanh(scores / cap)} before the mask; 0 for none
   * @return {@code [b, sq, heads·d]}
   */
  static Value attention(
      Site s, Compose c, Heads q, Heads k, Heads v, double scale, Value mask, double cap) {
    DataType type = q.apart().type();
    Dim heads = q.shape().dim(1);
    s.same(q.shape().dim(3), k.shape().dim(3), "the sizes of queries and keys");
    s.same(k.shape().dim(2), v.shape().dim(2), "the numbers of keys and values");
    long group = heads.equals(k.shape().dim(1)) ? 1 : heads.dividedBy(k.shape().dim(1)).constant();
    s.same(k.shape().dim(1).times(Dim.of(group)), heads, "the heads of queries and keys");
    if (cap == 0 && heads.isConstant()) {
      List<Value> operands = new ArrayList<>();
      long apart = 0;
      for (Heads each : List.of(q, k, v)) {
        boolean flat = each.flat() != null && group == 1;
        apart |= flat ? 0 : 1L << operands.size();
        operands.add(c.cast(flat ? each.flat() : each.apart(), F32));
      }
      if (mask != null) {
        operands.add(mask);
      }
      Map<String, Attribute> attributes =
          GraphImporter.attributes(
              "heads", new Attribute.Int(heads.constant()),
              "scale", new Attribute.Real(scale),
              "apart", new Attribute.Int(apart),
              "group", new Attribute.Int(group));
      Shape shape =
          new Shape(List.of(q.shape().dim(0), q.shape().dim(2), heads.times(v.shape().dim(3))));
      return c.cast(c.node(Node.QUERN, "Attention", operands, attributes, F32, shape), type);
    }
    Value query = c.cast(q.apart(), F32);
    Value key = c.cast(repeated(c, k.apart(), group), F32);
    Value value = c.cast(repeated(c, v.apart(), group), F32);
    Value scores = c.apply(MUL, c.matMul(query, ContribRules.swapped(c, key)), scale);
    if (cap != 0) {
      scores = c.apply(MUL, c.apply(TANH, c.apply(DIV, scores, cap)), cap);
    }
    scores = mask == null ? scores : c.apply(ADD, scores, mask);
    return c.cast(flat(c, c.matMul(c.softmax("Softmax", scores), value)), type);
  }

  /** What is added so that no query sees keys behind it, {@code [sq, sk]}; the last ones align. */
  private static Value causal(Compose c, Dim queries, Dim keys, Dim past) {
    return filtered(c, c.beside(queries, keys, past, LESS_EQUAL), LOWEST);
  }

  private static Value plus(Compose c, Value a, Value b) {
    return a == null ? b : b == null ? a : c.apply(ADD, a, b);
  }

  /** 0 where a mask of whole numbers or bool is set, {@code filter} where it is 0. */
  private static Value filtered(Compose c, Value mask, double filter) {
    ProgramBuilder p = new ProgramBuilder(mask.type());
    int set = p.typed(CAST, DataType.BOOL, 0);
    p.op(WHERE, set, p.constant(F32, 0), p.constant(F32, filter));
    return c.apply(p, mask);
  }

  // ONNX's.

  static void onnx(Site s) {
    if (s.has(6) || s.wants(3)) {
      throw Site.unsupported("it has lengths of its own or gives the scores", "");
    }
    Compose c = new Compose(s);
    boolean three = s.shape(0).rank() == 3;
    Heads q = onnxHeads(s, c, 0, three ? "q_num_heads" : "");
    Heads k = onnxHeads(s, c, 1, three ? "kv_num_heads" : "");
    Heads v = onnxHeads(s, c, 2, three ? "kv_num_heads" : "");
    Dim past = Dim.ZERO;
    if (s.has(4) && s.has(5)) {
      past = s.shape(4).dim(2);
      k = k.behind(c, c.input(4));
      v = v.behind(c, c.input(5));
    }
    c.output(1, k.apart());
    c.output(2, v.apart());
    Value mask = null;
    if (s.integer("is_causal", 0) != 0) {
      mask = causal(c, q.shape().dim(2), k.shape().dim(2), past);
    }
    if (s.has(3)) {
      Value given = c.input(3);
      boolean bool = given.type() == DataType.BOOL;
      mask = plus(c, mask, bool ? filtered(c, given, LOWEST) : c.cast(given, F32));
    }
    double scale = s.attribute("scale").isPresent() ? s.real("scale", 1) : rootScale(q);
    Value y = attention(s, c, q, k, v, scale, mask, s.real("softcap", 0));
    c.output(0, three ? y : apart(s, c, y, q.shape().dim(1).constant()));
  }

  /** An input of four axes; of three where an attribute says how many heads it has. */
  private static Heads onnxHeads(Site s, Compose c, int input, String heads) {
    Value x = c.input(input);
    return heads.isEmpty() ? Heads.apart(x) : heads(s, c, x, s.integer(heads, 0));
  }

  private static double rootScale(Heads q) {
    if (!q.shape().dim(3).isConstant()) {
      throw Site.unsupported("the size of a head is known at run time only", "give it a scale");
    }
    return 1 / Math.sqrt((double) q.shape().dim(3).constant());
  }

  // com.microsoft's.

  static double scale(Site s, Heads q) {
    double given = s.real("scale", 0);
    return given == 0 ? rootScale(q) : given;
  }

  /** A padding mask {@code [b, keys]}, {@code [b, queries, keys]} or lengths {@code [b]}. */
  private static Value padding(Site s, Compose c, int input, Dim batch, Dim keys) {
    if (!s.has(input)) {
      return null;
    }
    Value mask = c.input(input);
    Shape shape = mask.shape();
    double filter = s.real("mask_filter_value", -10000);
    if (shape.rank() == 1 && !shape.dim(0).differsFrom(batch)) {
      s.same(shape.dim(0), batch, "the lengths and batches");
      Value places = c.iota(DataType.INT32, Dim.ZERO, 1, keys);
      Value lengths = c.reshape(c.cast(mask, DataType.INT32), batch, Dim.ONE);
      Value seen = filtered(c, c.apply(LESS, places, lengths), filter);
      return c.reshape(seen, batch, Dim.ONE, Dim.ONE, keys);
    }
    if (shape.rank() == 2) {
      s.same(shape.dim(1), keys, "the sizes of mask and keys");
      return c.reshape(filtered(c, mask, filter), shape.dim(0), Dim.ONE, Dim.ONE, keys);
    }
    if (shape.rank() == 3) {
      return c.reshape(
          filtered(c, mask, filter), shape.dim(0), Dim.ONE, shape.dim(1), shape.dim(2));
    }
    throw Site.unsupported("its mask has the shape " + shape, "use [batch, keys]");
  }

  static void multiHead(Site s) {
    Compose c = new Compose(s);
    long heads = s.integer("num_heads", 0);
    if (!s.has(1) || !s.has(2) || s.shape(0).rank() != 3) {
      throw Site.unsupported("its query, key and value are packed", "keep them apart");
    }
    Value query = c.input(0);
    Value key = c.input(1);
    Value value = c.input(2);
    if (s.has(3)) {
      Dim wide = query.shape().dim(2);
      Value bias = c.input(3);
      query = c.apply(ADD, query, c.slice(bias, 0, Dim.ZERO, wide));
      if (key.shape().rank() == 3) {
        key = c.apply(ADD, key, c.slice(bias, 0, wide, wide));
        Dim rest = value.shape().dim(2);
        value = c.apply(ADD, value, c.slice(bias, 0, wide.plus(wide), rest));
      }
    }
    Heads q = heads(s, c, query, heads);
    Heads k = key.shape().rank() == 4 ? Heads.apart(key) : heads(s, c, key, heads);
    Heads v = value.shape().rank() == 4 ? Heads.apart(value) : heads(s, c, value, heads);
    Dim past = Dim.ZERO;
    if (s.has(6) && s.has(7)) {
      past = s.shape(6).dim(2);
      k = k.behind(c, c.input(6));
      v = v.behind(c, c.input(7));
    }
    c.output(1, k.apart());
    c.output(2, v.apart());
    if (s.wants(3) || s.inputs() > 8) {
      throw Site.unsupported("it has beams, or gives the scores", "");
    }
    Value mask = padding(s, c, 4, q.shape().dim(0), k.shape().dim(2));
    mask = s.has(5) ? plus(c, mask, c.cast(c.input(5), F32)) : mask;
    if (s.integer("unidirectional", 0) != 0) {
      mask = plus(c, mask, causal(c, q.shape().dim(2), k.shape().dim(2), past));
    }
    c.output(0, attention(s, c, q, k, v, scale(s, q), mask, 0));
  }

  /** The projections of query, key and value are in one product. */
  static void packed(Site s) {
    if (s.ints("qkv_hidden_sizes").isPresent() || s.integer("do_rotary", 0) != 0 || s.has(6)) {
      throw Site.unsupported("it has sizes of its own, or turns queries and keys", "");
    }
    Compose c = new Compose(s);
    long heads = s.integer("num_heads", 0);
    Value product = c.matMul(c.input(0), c.input(1));
    product = s.has(2) ? c.apply(ADD, product, c.input(2)) : product;
    Dim hidden = s.shape(1).dim(1).dividedBy(Dim.of(3));
    List<Heads> parts = new ArrayList<>();
    Dim start = Dim.ZERO;
    for (int i = 0; i < 3; i++) {
      parts.add(heads(s, c, c.slice(product, 2, start, hidden), heads));
      start = start.plus(hidden);
    }
    Heads q = parts.get(0);
    Heads k = parts.get(1);
    Heads v = parts.get(2);
    Dim past = Dim.ZERO;
    if (s.has(4)) {
      past = s.shape(4).dim(3);
      k = k.behind(c, pastPart(c, c.input(4), 0));
      v = v.behind(c, pastPart(c, c.input(4), 1));
    }
    if (s.wants(1)) {
      List<Dim> dims = new ArrayList<>(List.of(Dim.ONE));
      dims.addAll(k.shape().dims());
      Shape one = new Shape(dims);
      c.output(1, c.concat(0, List.of(c.reshape(k.apart(), one), c.reshape(v.apart(), one))));
    }
    Value mask = padding(s, c, 3, q.shape().dim(0), k.shape().dim(2));
    mask = s.has(5) ? plus(c, mask, c.cast(c.input(5), F32)) : mask;
    if (s.integer("unidirectional", 0) != 0) {
      mask = plus(c, mask, causal(c, q.shape().dim(2), k.shape().dim(2), past));
    }
    c.output(0, attention(s, c, q, k, v, scale(s, q), mask, 0));
  }

  /** Keys or values of {@code [2, b, heads, past, d]}. */
  private static Value pastPart(Compose c, Value past, int part) {
    Shape shape = past.shape();
    Value one = c.slice(past, 0, Dim.of(part), Dim.ONE);
    return c.reshape(one, new Shape(shape.dims().subList(1, 5)));
  }

  // Rotary embeddings.

  /** {@code com.microsoft}'s: positions, then tables {@code [positions, size / 2]}. */
  static void rotary(Site s) {
    if (s.integer("is_packed_batching", 0) != 0 || s.real("scale", 1) != 1) {
      throw Site.unsupported("it packs batches or has a scale", "");
    }
    Compose c = new Compose(s);
    rotary(s, c, c.input(0), 2, 3, 1);
  }

  static void onnxRotary(Site s) {
    Compose c = new Compose(s);
    rotary(s, c, c.input(0), 1, 2, s.has(3) ? 3 : -1);
  }

  private static void rotary(Site s, Compose c, Value x, int cosine, int sine, int positions) {
    boolean three = x.shape().rank() == 3;
    Value cos = c.input(cosine);
    Value sin = c.input(sine);
    long heads = s.integer("num_heads", 0);
    if (three && heads == 0) {
      Dim size = cos.shape().dim(-1).times(Dim.of(2));
      heads = x.shape().dim(2).dividedBy(size).constant();
    }
    Value split = three ? apart(s, c, x, heads) : x;
    Dim seq = split.shape().dim(2);
    if (positions >= 0) {
      Value places = c.input(positions);
      if (places.shape().size().is(1)) {
        Value iota = c.iota(DataType.INT64, Dim.ZERO, 1, seq);
        places = c.apply(ADD, iota, c.reshape(places, Dim.ONE));
        places = c.reshape(places, Dim.ONE, seq);
      }
      cos = embedded(c, cos, places);
      sin = embedded(c, sin, places);
    }
    // The tables are [b, s, size / 2] by now: the same for every head.
    cos = c.reshape(cos, cos.shape().dim(0), Dim.ONE, cos.shape().dim(1), cos.shape().dim(2));
    sin = c.reshape(sin, sin.shape().dim(0), Dim.ONE, sin.shape().dim(1), sin.shape().dim(2));
    Value turned = turned(c, split, cos, sin, s.integer("interleaved", 0) != 0);
    c.output(0, three ? flat(c, turned) : turned);
  }

  static Value embedded(Compose c, Value table, Value places) {
    List<Dim> dims = new ArrayList<>(places.shape().dims());
    dims.add(table.shape().dim(1));
    Map<String, Attribute> axis = Map.of("axis", new Attribute.Int(0));
    return c.node("", "Gather", List.of(table, places), axis, table.type(), new Shape(dims));
  }

  /** Pairs {@code (x, y)} become {@code (x·cos - y·sin, x·sin + y·cos)}. */
  static Value turned(Compose c, Value x, Value cos, Value sin, boolean interleaved) {
    Shape shape = x.shape();
    Dim half = cos.shape().dim(3);
    Dim turned = half.times(Dim.of(2));
    Value head = shape.dim(3).equals(turned) ? x : c.slice(x, 3, Dim.ZERO, turned);
    Shape part = new Shape(List.of(shape.dim(0), shape.dim(1), shape.dim(2), half));
    Value first;
    Value second;
    if (interleaved) {
      Value pairs = c.reshape(head, shape.dim(0), shape.dim(1), shape.dim(2), half, Dim.of(2));
      first = c.reshape(c.slice(pairs, 4, Dim.ZERO, Dim.ONE), part);
      second = c.reshape(c.slice(pairs, 4, Dim.ONE, Dim.ONE), part);
    } else {
      first = c.slice(head, 3, Dim.ZERO, half);
      second = c.slice(head, 3, half, half);
    }
    Value a = c.apply(SUB, c.apply(MUL, first, cos), c.apply(MUL, second, sin));
    Value b = c.apply(ADD, c.apply(MUL, first, sin), c.apply(MUL, second, cos));
    Value result;
    if (interleaved) {
      List<Dim> dims = new ArrayList<>(part.dims());
      dims.add(Dim.ONE);
      Shape one = new Shape(dims);
      result = c.concat(4, List.of(c.reshape(a, one), c.reshape(b, one)));
      result = c.reshape(result, shape.dim(0), shape.dim(1), shape.dim(2), turned);
    } else {
      result = c.concat(3, List.of(a, b));
    }
    if (shape.dim(3).equals(turned)) {
      return result;
    }
    return c.concat(3, List.of(result, c.slice(x, 3, turned, shape.dim(3).minus(turned))));
  }
}
