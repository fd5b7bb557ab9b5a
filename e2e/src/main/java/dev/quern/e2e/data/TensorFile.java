package dev.quern.e2e.data;

import ai.onnx.proto.OnnxMl.TensorProto;
import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.quern.onnx.DataType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Set;

/**
 * A tensor file by its ending: {@code .npy} is NumPy's, {@code .pb} is ONNX's {@code TensorProto}.
 */
public final class TensorFile {
  /** Types whose elements may lie in {@code int32_data}, one a number. */
  private static final Set<DataType> IN_INT32 =
      Set.of(
          DataType.INT32,
          DataType.INT16,
          DataType.INT8,
          DataType.UINT16,
          DataType.UINT8,
          DataType.BOOL,
          DataType.FLOAT16,
          DataType.BFLOAT16);

  private TensorFile() {}

  /**
   * Reads a file of either format.
   *
   * @throws DataException if the ending is neither, or the content is not usable
   */
  public static TensorData read(Path file) {
    String name = file.getFileName().toString().toLowerCase(Locale.ROOT);
    if (name.endsWith(".npy")) {
      return Npy.read(file);
    }
    if (name.endsWith(".pb")) {
      try {
        return readProto(Files.readAllBytes(file), file.toString());
      } catch (IOException e) {
        throw new DataException(file + ": cannot be read: " + e.getMessage(), e);
      }
    }
    throw new DataException(
        file + ": a tensor file ends in .npy (NumPy) or .pb (ONNX TensorProto)");
  }

  /** Reads a {@code TensorProto}; {@code name} is for messages. */
  public static TensorData readProto(byte[] file, String name) {
    TensorProto proto;
    try {
      proto = TensorProto.parseFrom(file);
    } catch (InvalidProtocolBufferException e) {
      throw new DataException(name + ": not an ONNX TensorProto: " + e.getMessage(), e);
    }
    DataType type = DataType.ofCode(proto.getDataType());
    if (type.bits() < 8) {
      throw new DataException(
          name + ": tensors of type " + type.label() + " are not supported here");
    }
    if (proto.getDataLocation() == TensorProto.DataLocation.EXTERNAL) {
      throw new DataException(
          name + ": the elements lie in another file; save the tensor with its data inside");
    }
    try {
      byte[] bytes =
          proto.hasRawData() ? proto.getRawData().toByteArray() : typedData(proto, type, name);
      return new TensorData(type, proto.getDimsList(), bytes);
    } catch (DataException e) {
      throw new DataException(name + ": " + e.getMessage(), e);
    }
  }

  private static byte[] typedData(TensorProto proto, DataType type, String name) {
    int width = type.bytes();
    int count =
        switch (type) {
          case FLOAT, COMPLEX64 -> proto.getFloatDataCount();
          case DOUBLE, COMPLEX128 -> proto.getDoubleDataCount();
          case INT64 -> proto.getInt64DataCount();
          case UINT32, UINT64 -> proto.getUint64DataCount();
          default -> proto.getInt32DataCount();
        };
    boolean complex = type == DataType.COMPLEX64 || type == DataType.COMPLEX128;
    ByteBuffer out =
        ByteBuffer.allocate(count * (complex ? width / 2 : width)).order(ByteOrder.LITTLE_ENDIAN);
    switch (type) {
      case FLOAT, COMPLEX64 -> proto.getFloatDataList().forEach(out::putFloat);
      case DOUBLE, COMPLEX128 -> proto.getDoubleDataList().forEach(out::putDouble);
      case INT64 -> proto.getInt64DataList().forEach(out::putLong);
      case UINT64 -> proto.getUint64DataList().forEach(out::putLong);
      case UINT32 -> proto.getUint64DataList().forEach(value -> out.putInt(value.intValue()));
      default -> {
        if (!IN_INT32.contains(type)) {
          throw new DataException(name + ": " + type.label() + " elements must be raw data");
        }
        for (int value : proto.getInt32DataList()) {
          switch (width) {
            case 1 -> out.put((byte) value);
            case 2 -> out.putShort((short) value);
            default -> out.putInt(value);
          }
        }
      }
    }
    return out.array();
  }

  /** The contents of a {@code TensorProto} file, elements as raw data. */
  public static byte[] writeProto(String tensorName, TensorData tensor) {
    return TensorProto.newBuilder()
        .setName(tensorName)
        .setDataType(tensor.type().code())
        .addAllDims(tensor.shape())
        .setRawData(ByteString.copyFrom(tensor.bytes()))
        .build()
        .toByteArray();
  }

  /** Writes a file of the format that its ending says. */
  public static void write(Path file, String tensorName, TensorData tensor) {
    if (file.getFileName().toString().endsWith(".pb")) {
      try {
        Files.write(file, writeProto(tensorName, tensor));
      } catch (IOException e) {
        throw new DataException(file + ": cannot be written: " + e.getMessage(), e);
      }
    } else {
      Npy.write(file, tensor);
    }
  }
}
