package dev.quern.kernel;

import dev.quern.graph.ElementwiseOp;
import dev.quern.graph.ElementwiseProgram;
import dev.quern.onnx.DataType;
import java.util.List;

/**
 * What a kernel computes: all that is fixed when it is emitted. Steps with equal specs share a
 * kernel; sizes that change from run to run are arguments in the step's record. Each family's class
 * lists its arguments.
 */
public sealed interface KernelSpec {
  /** The family and its constants as one line: the key of schedule records. */
  String signature();

  /** How an extra operand of an epilogue is read along a row of C. */
  enum Extra {
    /** Neighbouring columns are neighbouring floats. */
    VECTOR,
    /** One float serves the whole row. */
    SPLAT
  }

  /** How an extra operand of a convolution's epilogue is read. */
  enum Operand {
    /** A float a channel, the same for all pixels of an image: a bias, a gate. */
    CHANNELS,
    /** A float a pixel. */
    PIXELS,
    /** A float for each pixel and channel: a residual. */
    ELEMENTS
  }

  /** How B lies in memory. */
  enum Layout {
    /** Packed when the model is loaded: {@code [n/4][k][4]}, the last panel padded with zeros. */
    PANELS,
    /** Row after row, as activations lie; k and n are arguments. */
    ROWS
  }

  /**
   * {@code C = epilogue(A·B, extras)}, A {@code [batch, m, k]}, C {@code [batch, m, n]} f32. With
   * weights of whole numbers A is i16 {@code [batch, m, 2·ceil(k/2)]}, or bytes {@code [batch, m,
   * digits, 4·ceil(k/4)]}: how those are to be read is the machine's {@link
   * dev.quern.schedule.ByteDot}.
   *
   * @param k depth, 0 where it is an argument
   * @param n width, 0 where it is an argument
   * @param format how packed weights are stored; f32 where they are not packed
   * @param epilogue null, or a program whose register 0 is the accumulator
   */
  record Matmul(
      int k,
      int n,
      Layout layout,
      WeightFormat format,
      ElementwiseProgram epilogue,
      List<Extra> extras)
      implements KernelSpec {
    public Matmul {
      extras = List.copyOf(extras);
      boolean packed = layout == Layout.PANELS;
      if (packed != (k > 0) || packed != (n > 0)) {
        throw new KernelException("k and n are constants of packed weights and of nothing else");
      }
      boolean scaled = !extras.isEmpty() && extras.getFirst() == Extra.SPLAT;
      if (format.kind() == WeightFormat.Kind.BYTES && !scaled) {
        throw new KernelException("an epilogue of bytes begins with the scale of A");
      }
      if (!packed && format != WeightFormat.F32) {
        throw new KernelException("only packed weights are " + format.label());
      }
    }

    /** What a schedule calls k: steps of four bytes of A; 0 where it is an argument. */
    public int steps() {
      return format.steps(k);
    }

    @Override
    public String signature() {
      String size = layout == Layout.PANELS ? " k=" + k + " n=" + n : " rows";
      return format.label()
          + "_matmul"
          + size
          + (epilogue == null
              ? ""
              : " epilogue=" + Signatures.of(epilogue) + Signatures.names(extras));
    }
  }

  /**
   * {@code softmax(scale·Q·Kᵀ + mask)·V} for all heads, f32; scores never leave a thread's scratch.
   *
   * @param depth floats of a head in Q and K, a multiple of 4
   * @param depthV floats of a head in V
   * @param qRow floats from one row of Q to the next; the same for K, V and the output
   * @param group heads of Q that share one of K and V
   */
  record Attention(
      int depth,
      int depthV,
      int qRow,
      int kRow,
      int vRow,
      int outRow,
      int group,
      float scale,
      boolean mask)
      implements KernelSpec {
    @Override
    public String signature() {
      return "f32_attention d="
          + depth
          + " dv="
          + depthV
          + " rows="
          + qRow
          + ","
          + kRow
          + ","
          + vRow
          + ","
          + outRow
          + (group > 1 ? " group=" + group : "")
          + (mask ? " mask" : "")
          + " scale="
          + Float.floatToRawIntBits(scale);
    }
  }

  /**
   * An element-wise program with broadcasting.
   *
   * @param rank dimensions of the output after neighbours with like strides were merged, at least 1
   * @param inner for each operand, whether neighbours in the last dimension lie side by side
   *     (otherwise one element serves the whole row)
   */
  record Elementwise(ElementwiseProgram program, int rank, List<Boolean> inner)
      implements KernelSpec {
    public Elementwise {
      inner = List.copyOf(inner);
    }

    @Override
    public String signature() {
      return "elementwise rank=" + rank + " " + Signatures.of(program) + Signatures.flags(inner);
    }
  }

  /** Softmax or log-softmax of rows, f32. */
  record Softmax(boolean log) implements KernelSpec {
    @Override
    public String signature() {
      return log ? "f32_log_softmax" : "f32_softmax";
    }
  }

  /** {@code (x - mean) / sqrt(variance + epsilon) · scale + bias} of rows, f32. */
  record LayerNorm(float epsilon, boolean bias) implements KernelSpec {
    @Override
    public String signature() {
      return "f32_layer_norm epsilon=" + Float.floatToRawIntBits(epsilon) + (bias ? " bias" : "");
    }
  }

  /** The smallest and largest number of each piece of a tensor, f32; NaN is passed over. */
  record Range() implements KernelSpec {
    @Override
    public String signature() {
      return "f32_range";
    }
  }

  /** What a row of f32 is quantised to. */
  enum Quantised {
    /** u8 as DynamicQuantizeLinear says, by the range of the whole tensor. */
    U8,
    /** The same less the zero point, as i16, with a 0 behind an odd row: A of a product. */
    I16,
    /** i16 by the row's own largest magnitude, with a scale a row. */
    ROWS,
    /** As U8 says, four bytes a step of a product: A of {@link WeightFormat.Kind#BYTES}. */
    BYTES,
    /**
     * 16 bits by the row's own largest magnitude, with a scale a row; a row's upper bytes, then its
     * lower ones: A of {@link WeightFormat.Kind#DIGITS}.
     */
    DIGITS;

    /** Whether rows have scales of their own. */
    public boolean byRows() {
      return this == ROWS || this == DIGITS;
    }
  }

  /** Quantises rows of f32. */
  record Quantize(Quantised to) implements KernelSpec {
    @Override
    public String signature() {
      return "f32_quantize " + to;
    }
  }

  /** Quantises rows of k f32 to 8 bits, by blocks with a scale each: see BlockQuantizeKernel. */
  record QuantizeBlocks(int k, int block) implements KernelSpec {
    @Override
    public String signature() {
      return "f32_quantize_blocks k=" + k + " block=" + block;
    }
  }

  /**
   * The steps of a recurrent layer, f32: see {@link RecurrentKernel}.
   *
   * @param gates 1 of an RNN, 3 of a GRU that resets after the product, 4 of an LSTM
   * @param reverse whether a layer of one direction begins with the last step
   * @param biased whether the state's products have biases of their own
   * @param started whether first states are given; otherwise they are 0
   * @param functions sigmoid, tanh or relu: of gates, of the candidate, of the cell
   */
  record Recurrent(
      int gates,
      int hidden,
      int directions,
      boolean reverse,
      boolean biased,
      boolean started,
      List<ElementwiseOp> functions)
      implements KernelSpec {
    public Recurrent {
      functions = List.copyOf(functions);
    }

    @Override
    public String signature() {
      return "f32_recurrent gates="
          + gates
          + " hidden="
          + hidden
          + (directions == 2 ? " both" : reverse ? " reverse" : "")
          + (biased ? " biased" : "")
          + (started ? " started " : " ")
          + Signatures.names(functions);
    }
  }

  /** {@code C = A·B} of i32, A {@code [batch, m, k]}, B {@code [batch, k, n]}; sums wrap. */
  record IntegerMatmul() implements KernelSpec {
    @Override
    public String signature() {
      return "i32_matmul";
    }
  }

  /** What a reduction computes. */
  enum Reduction {
    MEAN,
    SUM,
    MAX,
    MIN,
    PROD
  }

  /**
   * Reduces the middle of {@code [outer, middle, inner]}, f32.
   *
   * @param columns whether inner may be larger than 1
   */
  record Reduce(Reduction reduction, boolean columns) implements KernelSpec {
    @Override
    public String signature() {
      return "f32_reduce_" + reduction + (columns ? " columns" : " rows");
    }
  }

  /**
   * Copies rows of {@code [outer, axis, inner]} that indices name.
   *
   * @param index i32 or i64
   */
  record Gather(DataType index) implements KernelSpec {
    @Override
    public String signature() {
      return "gather index=" + index.label();
    }
  }

  /**
   * Copies a strided box: transposes, slices, expansions, parts of a concatenation.
   *
   * @param bytes of an element: 1, 2, 4 or 8
   * @param rank dimensions of the box after merging, at least 1
   * @param contiguous whether neighbours of the last dimension lie side by side on both sides
   */
  record Copy(int bytes, int rank, boolean contiguous) implements KernelSpec {
    @Override
    public String signature() {
      return "copy bytes=" + bytes + " rank=" + rank + (contiguous ? " contiguous" : "");
    }
  }

  /**
   * {@code y = epilogue(x ∗ w, extras)} of an image that was widened before, f32. Weights are
   * packed in panels for each group, in the order in which the window lies in the image: {@code
   * [kernelH][kernelW][channels]}, or {@code [channels][kernelH][kernelW]} for planes.
   *
   * @param channels channels of a group of the image
   * @param width channels of a group of the output
   * @param planes whether the image is {@code [n, c, h, w]} and not {@code [n, h, w, c]}
   * @param mr pixels of a register tile
   * @param nr channels of a register tile, a multiple of 4
   * @param epilogue null, or a program whose register 0 is the accumulator
   */
  record Conv(
      int channels,
      int width,
      int groups,
      int kernelH,
      int kernelW,
      int strideH,
      int strideW,
      int dilationH,
      int dilationW,
      boolean planes,
      int mr,
      int nr,
      ElementwiseProgram epilogue,
      List<Operand> extras)
      implements KernelSpec {
    public Conv {
      extras = List.copyOf(extras);
      if (planes && groups != 1) {
        throw new KernelException("planes are not read in groups");
      }
    }

    /** The depth of the product. */
    public int k() {
      return channels * kernelH * kernelW;
    }

    /** Bytes from a column of the image to the next. */
    int pixel() {
      return planes ? 4 : 4 * channels * groups;
    }

    /** Whether the columns of a window lie side by side. */
    boolean joinsColumns() {
      return dilationW == 1 && groups == 1;
    }

    /** Steps of k that lie side by side in the image. */
    int piece() {
      int columns = joinsColumns() ? kernelW : 1;
      return planes ? columns : columns * channels;
    }

    @Override
    public String signature() {
      return "f32_conv"
          + (planes ? "_planes" : "")
          + " c="
          + channels
          + " n="
          + width
          + (groups == 1 ? "" : " groups=" + groups)
          + window(kernelH, kernelW, strideH, strideW, dilationH, dilationW)
          + " tile="
          + mr
          + "x"
          + nr
          + (epilogue == null
              ? ""
              : " epilogue=" + Signatures.of(epilogue) + Signatures.names(extras));
    }
  }

  private static String window(
      int kernelH, int kernelW, int strideH, int strideW, int dilationH, int dilationW) {
    return " kernel="
        + kernelH
        + "x"
        + kernelW
        + (strideH * strideW == 1 ? "" : " stride=" + strideH + "x" + strideW)
        + (dilationH * dilationW == 1 ? "" : " dilation=" + dilationH + "x" + dilationW);
  }

  /**
   * {@code y = epilogue(x ∗ w, extras)} with a window of its own for each channel, f32. The image
   * is {@code [n, h, w, channels]}, the weights lie in panels of depth {@code kernelH · kernelW}.
   *
   * @param columns of the image, 0 where they are an argument
   * @param outColumns of the output, 0 where they are an argument
   * @param left columns that the first window starts before the image, where columns are known
   */
  record Depthwise(
      int channels,
      int columns,
      int outColumns,
      int left,
      int kernelH,
      int kernelW,
      int strideH,
      int strideW,
      int dilationH,
      int dilationW,
      ElementwiseProgram epilogue,
      List<Operand> extras)
      implements KernelSpec {
    public Depthwise {
      extras = List.copyOf(extras);
    }

    @Override
    public String signature() {
      return "f32_depthwise c="
          + channels
          + (columns == 0 ? "" : " columns=" + columns + ">" + outColumns + " left=" + left)
          + window(kernelH, kernelW, strideH, strideW, dilationH, dilationW)
          + (epilogue == null
              ? ""
              : " epilogue=" + Signatures.of(epilogue) + Signatures.names(extras));
    }
  }

  /**
   * Maximum or average of windows of an image {@code [n, h, w, c]}, f32.
   *
   * @param whole whether an average is of the whole window, with zeros outside of the image
   */
  record Pool(
      boolean max,
      boolean whole,
      int kernelH,
      int kernelW,
      int strideH,
      int strideW,
      int dilationH,
      int dilationW)
      implements KernelSpec {
    @Override
    public String signature() {
      return (max ? "f32_max_pool" : "f32_average_pool")
          + window(kernelH, kernelW, strideH, strideW, dilationH, dilationW)
          + (whole ? " whole" : "");
    }
  }

  /**
   * Copies rows into longer rows among more rows.
   *
   * @param bytes of an element: 1, 4 or 8
   * @param bits of the element that fills what is around
   */
  record Pad(int bytes, long bits) implements KernelSpec {
    @Override
    public String signature() {
      return "pad bytes=" + bytes + " bits=" + bits;
    }
  }

  /**
   * Whole numbers at even distances.
   *
   * @param type i32 or i64
   */
  record Iota(DataType type) implements KernelSpec {
    @Override
    public String signature() {
      return type.label() + "_iota";
    }
  }

  /**
   * Sums along an axis up to each element.
   *
   * @param type f32, i32 or i64
   * @param exclusive whether an element's own number does not count
   * @param reverse whether sums begin at the end
   */
  record CumSum(DataType type, boolean exclusive, boolean reverse) implements KernelSpec {
    @Override
    public String signature() {
      return type.label()
          + "_cumsum"
          + (exclusive ? " exclusive" : "")
          + (reverse ? " reverse" : "");
    }
  }
}
