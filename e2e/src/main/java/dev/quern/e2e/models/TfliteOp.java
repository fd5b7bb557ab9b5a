package dev.quern.e2e.models;

import org.tensorflow.lite.schema.BuiltinOperator;

/**
 * The operators of TensorFlow Lite that are written here, one row each.
 *
 * <p>The version is the lowest that has what is used; source: {@code schema.fbs} and {@code
 * op_version.cc} of TensorFlow Lite.
 */
enum TfliteOp {
  ADD(BuiltinOperator.ADD),
  BATCH_MATMUL(BuiltinOperator.BATCH_MATMUL),
  CAST(BuiltinOperator.CAST),
  CONV_2D(BuiltinOperator.CONV_2D),
  DEPTHWISE_CONV_2D(BuiltinOperator.DEPTHWISE_CONV_2D),
  /** Version 6: the bias may be left out. */
  FULLY_CONNECTED(BuiltinOperator.FULLY_CONNECTED, 6),
  GATHER(BuiltinOperator.GATHER),
  GELU(BuiltinOperator.GELU),
  MEAN(BuiltinOperator.MEAN),
  MUL(BuiltinOperator.MUL),
  RESHAPE(BuiltinOperator.RESHAPE),
  RSQRT(BuiltinOperator.RSQRT),
  SOFTMAX(BuiltinOperator.SOFTMAX),
  SQUARED_DIFFERENCE(BuiltinOperator.SQUARED_DIFFERENCE),
  SUB(BuiltinOperator.SUB),
  TRANSPOSE(BuiltinOperator.TRANSPOSE);

  private final int code;
  private final int version;

  TfliteOp(int code) {
    this(code, 1);
  }

  TfliteOp(int code, int version) {
    this.code = code;
    this.version = version;
  }

  int code() {
    return code;
  }

  int version() {
    return version;
  }
}
