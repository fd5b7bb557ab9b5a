package dev.quern.e2e.data;

import dev.quern.onnx.DataType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * NumPy's array file, versions 1 to 3: magic, version, a Python dictionary with {@code descr},
 * {@code fortran_order} and {@code shape}, padded to 64 bytes, then the elements.
 *
 * @see <a
 *     href="https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html">numpy.lib.format</a>
 */
public final class Npy {
  private static final byte[] MAGIC = {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y'};

  /** NumPy's name of each type that can be read and written; one row a type. */
  private static final Map<String, DataType> TYPES =
      Map.ofEntries(
          Map.entry("f4", DataType.FLOAT),
          Map.entry("f8", DataType.DOUBLE),
          Map.entry("f2", DataType.FLOAT16),
          Map.entry("i1", DataType.INT8),
          Map.entry("i2", DataType.INT16),
          Map.entry("i4", DataType.INT32),
          Map.entry("i8", DataType.INT64),
          Map.entry("u1", DataType.UINT8),
          Map.entry("u2", DataType.UINT16),
          Map.entry("u4", DataType.UINT32),
          Map.entry("u8", DataType.UINT64),
          Map.entry("b1", DataType.BOOL));

  private static final Pattern DESCR =
      Pattern.compile("['\"]descr['\"]\\s*:\\s*['\"]([^'\"]*)['\"]");
  private static final Pattern FORTRAN =
      Pattern.compile("['\"]fortran_order['\"]\\s*:\\s*(True|False)");
  private static final Pattern SHAPE = Pattern.compile("['\"]shape['\"]\\s*:\\s*\\(([^)]*)\\)");

  private Npy() {}

  /**
   * Reads a file.
   *
   * @throws DataException if it is not an array file, or one that cannot be used
   */
  public static TensorData read(Path file) {
    try {
      return read(Files.readAllBytes(file), file.toString());
    } catch (IOException e) {
      throw new DataException(file + ": cannot be read: " + e.getMessage(), e);
    }
  }

  /** Reads the contents of a file; {@code name} is for messages. */
  public static TensorData read(byte[] file, String name) {
    if (file.length < 10 || !Arrays.equals(file, 0, MAGIC.length, MAGIC, 0, MAGIC.length)) {
      throw new DataException(
          name + ": not a NumPy array file (it does not begin with \\x93NUMPY)");
    }
    int version = file[6];
    if (version < 1 || version > 3) {
      throw new DataException(
          name + ": version " + version + " of NumPy's format is unknown; save it with numpy.save");
    }
    ByteBuffer buffer = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
    int start = version == 1 ? 10 : 12;
    long length =
        file.length < start
            ? -1
            : version == 1 ? buffer.getShort(8) & 0xffff : buffer.getInt(8) & 0xffffffffL;
    if (length < 0 || start + length > file.length) {
      throw new DataException(name + ": the file ends within its header");
    }
    Charset charset = version == 3 ? StandardCharsets.UTF_8 : StandardCharsets.ISO_8859_1;
    String header = new String(file, start, (int) length, charset);
    int dataStart = start + (int) length;

    String descr = field(DESCR, header, name, "descr");
    DataType type = type(descr, name);
    List<Long> shape = shape(field(SHAPE, header, name, "shape"), name);
    long size;
    try {
      size = TensorData.size(shape, type);
    } catch (DataException e) {
      throw new DataException(name + ": " + e.getMessage(), e);
    }
    long found = (long) file.length - dataStart;
    if (size != found) {
      throw new DataException(
          name
              + ": an array "
              + descr
              + " of shape "
              + shape
              + " needs "
              + size
              + " bytes after the header, found "
              + found);
    }
    byte[] bytes = Arrays.copyOfRange(file, dataStart, file.length);
    if (field(FORTRAN, header, name, "fortran_order").equals("True")) {
      bytes = toRowMajor(bytes, shape, type.bytes());
    }
    return new TensorData(type, shape, bytes);
  }

  private static String field(Pattern pattern, String header, String name, String key) {
    Matcher matcher = pattern.matcher(header);
    if (!matcher.find()) {
      throw new DataException(name + ": the header has no usable '" + key + "': " + header.strip());
    }
    return matcher.group(1);
  }

  private static DataType type(String descr, String name) {
    char order = descr.isEmpty() ? ' ' : descr.charAt(0);
    DataType type = descr.length() < 2 ? null : TYPES.get(descr.substring(1));
    if (type != null && order == '>' && type.bytes() > 1) {
      throw new DataException(
          name
              + ": the array is big endian ("
              + descr
              + "); save it with .astype('<"
              + descr.substring(1)
              + "')");
    }
    if (type == null || "<>|=".indexOf(order) < 0) {
      String known = TYPES.keySet().stream().sorted().collect(Collectors.joining(", "));
      throw new DataException(
          name
              + ": elements of type '"
              + descr
              + "' are not supported; convert the array to one of "
              + known);
    }
    return type;
  }

  private static List<Long> shape(String text, String name) {
    List<Long> shape = new ArrayList<>();
    for (String part : text.split(",", -1)) {
      String number = part.strip();
      if (number.isEmpty()) {
        continue;
      }
      try {
        shape.add(Long.parseLong(number));
      } catch (NumberFormatException e) {
        throw new DataException(name + ": the shape (" + text + ") is not a list of numbers", e);
      }
    }
    return shape;
  }

  /**
   * Column-major to row-major: the first index runs fastest in the source, the last in the result.
   */
  private static byte[] toRowMajor(byte[] source, List<Long> shape, int width) {
    int rank = shape.size();
    byte[] target = new byte[source.length];
    int[] index = new int[rank];
    int[] strides = new int[rank];
    int stride = 1;
    for (int axis = 0; axis < rank; axis++) {
      strides[axis] = stride;
      stride *= Math.toIntExact(shape.get(axis));
    }
    for (int at = 0; at < source.length; at += width) {
      int from = 0;
      for (int axis = 0; axis < rank; axis++) {
        from += index[axis] * strides[axis];
      }
      System.arraycopy(source, from * width, target, at, width);
      for (int axis = rank - 1; axis >= 0; axis--) {
        if (++index[axis] < shape.get(axis)) {
          break;
        }
        index[axis] = 0;
      }
    }
    return target;
  }

  /** The contents of a file of version 1. */
  public static byte[] write(TensorData tensor) {
    String code =
        TYPES.entrySet().stream()
            .filter(entry -> entry.getValue() == tensor.type())
            .map(Map.Entry::getKey)
            .findFirst()
            .orElseThrow(() ->
                new DataException("NumPy's file format has no type for " + tensor.type().label()));
    String dims = tensor.shape().stream().map(String::valueOf).collect(Collectors.joining(", "));
    String shape = tensor.shape().size() == 1 ? "(" + dims + ",)" : "(" + dims + ")";
    String descr = (tensor.type().bytes() == 1 ? "|" : "<") + code;
    String header = "{'descr': '" + descr + "', 'fortran_order': False, 'shape': " + shape + ", }";
    int unpadded = MAGIC.length + 4 + header.length() + 1;
    int padding = (64 - unpadded % 64) % 64;
    byte[] text = (header + " ".repeat(padding) + "\n").getBytes(StandardCharsets.ISO_8859_1);
    return ByteBuffer.allocate(MAGIC.length + 4 + text.length + tensor.bytes().length)
        .order(ByteOrder.LITTLE_ENDIAN)
        .put(MAGIC)
        .put((byte) 1)
        .put((byte) 0)
        .putShort((short) text.length)
        .put(text)
        .put(tensor.bytes())
        .array();
  }

  /** Writes a file. */
  public static void write(Path file, TensorData tensor) {
    try {
      Files.write(file, write(tensor));
    } catch (IOException e) {
      throw new DataException(file + ": cannot be written: " + e.getMessage(), e);
    }
  }
}
