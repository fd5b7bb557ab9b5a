package dev.quern.e2e.models;

import dev.quern.e2e.models.TfliteFile.Value;
import dev.quern.server.models.ModelFileException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.tensorflow.lite.schema.ActivationFunctionType;
import org.tensorflow.lite.schema.AddOptions;
import org.tensorflow.lite.schema.BatchMatMulOptions;
import org.tensorflow.lite.schema.BuiltinOptions;
import org.tensorflow.lite.schema.Conv2DOptions;
import org.tensorflow.lite.schema.DepthwiseConv2DOptions;
import org.tensorflow.lite.schema.FullyConnectedOptions;
import org.tensorflow.lite.schema.FullyConnectedOptionsWeightsFormat;
import org.tensorflow.lite.schema.GatherOptions;
import org.tensorflow.lite.schema.GeluOptions;
import org.tensorflow.lite.schema.MulOptions;
import org.tensorflow.lite.schema.Padding;
import org.tensorflow.lite.schema.ReducerOptions;
import org.tensorflow.lite.schema.SoftmaxOptions;
import org.tensorflow.lite.schema.SubOptions;
import org.tensorflow.lite.schema.TensorType;

/**
 * Writes a {@code .tflite} file operator by operator; all computed values are f32 and all shapes
 * are known. Every method gives its result's shape; images are NHWC.
 */
final class TfliteBuilder {
  /** What follows an operator within it. */
  enum Activation {
    NONE(ActivationFunctionType.NONE),
    RELU6(ActivationFunctionType.RELU6);

    private final byte code;

    Activation(byte code) {
      this.code = code;
    }
  }

  private final TfliteFile file;

  /**
   * @param weightBytes about what the constants take
   */
  TfliteBuilder(int weightBytes) {
    file = new TfliteFile(weightBytes);
  }

  Value input(String name, int... shape) {
    return file.input(name, TensorType.FLOAT32, list(shape));
  }

  /** An input of 32-bit integers: indices, as TensorFlow Lite's converters write them. */
  Value indices(String name, int... shape) {
    return file.input(name, TensorType.INT32, list(shape));
  }

  Value constant(String name, float[] values, int... shape) {
    return file.constant(name, values, list(shape));
  }

  Value scalar(String name, float value) {
    return constant(name, new float[] {value});
  }

  private Value vector(String name, int... values) {
    return file.constant(name, values, List.of(values.length));
  }

  /**
   * {@code activation(x · weightsᵀ + bias)}: [m, k] by [n, k] and [n] gives [m, n].
   *
   * @param bias null for none
   */
  Value fullyConnected(String name, Value x, Value weights, Value bias, Activation activation) {
    Value result = file.computed(name, List.of(x.dim(0), weights.dim(0)));
    int options =
        FullyConnectedOptions.createFullyConnectedOptions(
            file.flat(), activation.code, FullyConnectedOptionsWeightsFormat.DEFAULT, false, false);
    int[] inputs = {x.index(), weights.index(), bias == null ? -1 : bias.index()};
    file.operator(
        TfliteOp.FULLY_CONNECTED, inputs, result, BuiltinOptions.FullyConnectedOptions, options);
    return result;
  }

  /**
   * Matrix products of equally many matrices: [.., m, k] by [.., k, n] gives [.., m, n].
   *
   * @param transposeB the second is [.., n, k]
   */
  Value batchMatmul(String name, Value a, Value b, boolean transposeB) {
    int rank = a.shape().size();
    List<Integer> shape = new ArrayList<>(a.shape());
    shape.set(rank - 1, b.dim(transposeB ? rank - 2 : rank - 1));
    Value result = file.computed(name, shape);
    int options =
        BatchMatMulOptions.createBatchMatMulOptions(file.flat(), false, transposeB, false);
    return add(TfliteOp.BATCH_MATMUL, result, BuiltinOptions.BatchMatMulOptions, options, a, b);
  }

  Value add(String name, Value a, Value b) {
    Value result = file.computed(name, broadcast(a, b));
    int options = AddOptions.createAddOptions(file.flat(), ActivationFunctionType.NONE, true);
    return add(TfliteOp.ADD, result, BuiltinOptions.AddOptions, options, a, b);
  }

  Value sub(String name, Value a, Value b) {
    Value result = file.computed(name, broadcast(a, b));
    int options = SubOptions.createSubOptions(file.flat(), ActivationFunctionType.NONE, true);
    return add(TfliteOp.SUB, result, BuiltinOptions.SubOptions, options, a, b);
  }

  Value mul(String name, Value a, Value b) {
    Value result = file.computed(name, broadcast(a, b));
    int options = MulOptions.createMulOptions(file.flat(), ActivationFunctionType.NONE);
    return add(TfliteOp.MUL, result, BuiltinOptions.MulOptions, options, a, b);
  }

  /** {@code (a - b)²} */
  Value squaredDifference(String name, Value a, Value b) {
    return add(
        TfliteOp.SQUARED_DIFFERENCE, file.computed(name, broadcast(a, b)), (byte) 0, 0, a, b);
  }

  /** {@code 1 / √x} */
  Value rsqrt(String name, Value x) {
    return add(TfliteOp.RSQRT, file.computed(name, x.shape()), (byte) 0, 0, x);
  }

  /** Indices as f32. */
  Value cast(String name, Value x) {
    return add(TfliteOp.CAST, file.computed(name, x.shape()), (byte) 0, 0, x);
  }

  /** The exact one, by erf. */
  Value gelu(String name, Value x) {
    int options = GeluOptions.createGeluOptions(file.flat(), false);
    Value result = file.computed(name, x.shape());
    return add(TfliteOp.GELU, result, BuiltinOptions.GeluOptions, options, x);
  }

  /** Over the last dimension. */
  Value softmax(String name, Value x) {
    int options = SoftmaxOptions.createSoftmaxOptions(file.flat(), 1);
    Value result = file.computed(name, x.shape());
    return add(TfliteOp.SOFTMAX, result, BuiltinOptions.SoftmaxOptions, options, x);
  }

  /**
   * The mean over some dimensions.
   *
   * @param keep whether they stay, with the size 1
   */
  Value mean(String name, Value x, boolean keep, int... axes) {
    List<Integer> shape = new ArrayList<>();
    for (int axis = 0; axis < x.shape().size(); axis++) {
      int at = axis;
      if (IntStream.of(axes).noneMatch(given -> given == at)) {
        shape.add(x.dim(axis));
      } else if (keep) {
        shape.add(1);
      }
    }
    Value over = vector(name + "/axes", axes);
    Value result = file.computed(name, shape);
    int options = ReducerOptions.createReducerOptions(file.flat(), keep);
    return add(TfliteOp.MEAN, result, BuiltinOptions.ReducerOptions, options, x, over);
  }

  /** Rows of a table: [rows, width] and indices [..] give [.., width]. */
  Value gather(String name, Value table, Value indices) {
    List<Integer> shape = new ArrayList<>(indices.shape());
    shape.add(table.dim(1));
    Value result = file.computed(name, shape);
    int options = GatherOptions.createGatherOptions(file.flat(), 0, 0);
    return add(TfliteOp.GATHER, result, BuiltinOptions.GatherOptions, options, table, indices);
  }

  Value reshape(String name, Value x, int... shape) {
    Value target = vector(name + "/shape", shape);
    return add(TfliteOp.RESHAPE, file.computed(name, list(shape)), (byte) 0, 0, x, target);
  }

  /** Dimension {@code i} of the result is dimension {@code permutation[i]} of x. */
  Value transpose(String name, Value x, int... permutation) {
    Value order = vector(name + "/permutation", permutation);
    List<Integer> shape = Arrays.stream(permutation).mapToObj(x::dim).toList();
    return add(TfliteOp.TRANSPOSE, file.computed(name, shape), (byte) 0, 0, x, order);
  }

  /**
   * A convolution with TensorFlow's padding SAME: [batch, height, width, in] by [out, kh, kw, in]
   * and [out].
   */
  Value conv(String name, Value x, Value weights, Value bias, int stride, Activation activation) {
    Value result = file.computed(name, image(x, stride, weights.dim(0)));
    int options =
        Conv2DOptions.createConv2DOptions(
            file.flat(), Padding.SAME, stride, stride, activation.code, 1, 1);
    return add(TfliteOp.CONV_2D, result, BuiltinOptions.Conv2DOptions, options, x, weights, bias);
  }

  /** The same a channel: weights [1, kh, kw, channels]. */
  Value depthwise(
      String name, Value x, Value weights, Value bias, int stride, Activation activation) {
    Value result = file.computed(name, image(x, stride, x.dim(3)));
    int options =
        DepthwiseConv2DOptions.createDepthwiseConv2DOptions(
            file.flat(), Padding.SAME, stride, stride, 1, activation.code, 1, 1);
    return add(
        TfliteOp.DEPTHWISE_CONV_2D,
        result,
        BuiltinOptions.DepthwiseConv2DOptions,
        options,
        x,
        weights,
        bias);
  }

  private static List<Integer> image(Value x, int stride, int channels) {
    return List.of(
        x.dim(0), (x.dim(1) + stride - 1) / stride, (x.dim(2) + stride - 1) / stride, channels);
  }

  /** The file, whose output is {@code output}. */
  byte[] bytes(String description, Value output) {
    return file.bytes(description, output);
  }

  private Value add(TfliteOp op, Value result, byte optionsType, int options, Value... inputs) {
    int[] indices = Arrays.stream(inputs).mapToInt(Value::index).toArray();
    file.operator(op, indices, result, optionsType, options);
    return result;
  }

  private static List<Integer> broadcast(Value a, Value b) {
    int rank = Math.max(a.shape().size(), b.shape().size());
    List<Integer> shape = new ArrayList<>();
    for (int axis = 0; axis < rank; axis++) {
      int left = axis - rank + a.shape().size();
      int right = axis - rank + b.shape().size();
      int x = left < 0 ? 1 : a.dim(left);
      int y = right < 0 ? 1 : b.dim(right);
      if (x != y && x != 1 && y != 1) {
        throw new ModelFileException(a + " and " + b + " do not fit each other");
      }
      shape.add(Math.max(x, y));
    }
    return shape;
  }

  private static List<Integer> list(int... values) {
    return Arrays.stream(values).boxed().toList();
  }
}
