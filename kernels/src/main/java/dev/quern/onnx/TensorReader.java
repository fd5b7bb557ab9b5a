package dev.quern.onnx;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Reads {@code TensorProto} messages. Elements that lie in the file as they are in memory ({@code
 * raw_data}, external data, packed {@code float_data} and {@code double_data}) become views;
 * elements that are varints or not packed are written out, within a limit.
 */
final class TensorReader {
  /** Axes of a tensor; ONNX Runtime and numpy allow no more either. */
  static final int MOST_AXES = 64;

  /** Bytes that varints of one model may become; weights are never stored that way. */
  static final long MOST_WRITTEN = 256L << 20;

  private static final int RAW = 9;

  private final Optional<ExternalData> external;
  private final List<Problem> problems;
  private final Map<String, Bytes> files = new LinkedHashMap<>();
  private long written;

  TensorReader(Optional<ExternalData> external, List<Problem> problems) {
    this.external = external;
    this.problems = problems;
  }

  /** What the first walk over a message finds; data are looked at once the type is known. */
  private static final class Fields {
    String name = "";
    long typeCode;
    final List<Long> dims = new ArrayList<>(4);
    Optional<Bytes> raw = Optional.empty();

    /** The last of the typed data fields, how many chunks and how many single elements it has. */
    int dataField;

    int chunks;
    int singles;
    boolean mixed;
    Bytes lastChunk = Bytes.of(new byte[0]);
    boolean isExternal;
    final Map<String, String> externalEntries = new LinkedHashMap<>();
  }

  /** The tensor; empty if a problem was reported. */
  Optional<OnnxTensor> read(Bytes message, String place) {
    Fields fields = new Fields();
    walk(message, fields);
    String where = fields.name.isEmpty() ? place : place + " '" + fields.name + "'";
    DataType type = DataType.ofCode(fields.typeCode);
    if (type == DataType.UNDEFINED) {
      return problem(
          where, "the element type " + fields.typeCode + " is unknown", "export it as f32");
    }
    long[] dims = new long[fields.dims.size()];
    long size = 1;
    boolean tooLarge = false;
    for (int i = 0; i < dims.length; i++) {
      dims[i] = fields.dims.get(i);
      if (dims[i] < 0) {
        return problem(
            where, "its shape " + Lists.numbers(fields.dims) + " has a negative size", "");
      }
      tooLarge |= dims[i] != 0 && size > (1L << 48) / dims[i];
      size = tooLarge ? 0 : size * dims[i];
    }
    if (tooLarge) {
      return problem(where, "its shape " + Lists.numbers(fields.dims) + " is absurdly large", "");
    }
    if (type == DataType.STRING) {
      return Optional.of(new OnnxTensor(fields.name, type, dims, Bytes.of(new byte[0])));
    }
    long length = (size * type.bits() + 7) / 8;
    Optional<Bytes> data = data(message, fields, where, type, length);
    if (data.isPresent() && data.get().size() != length) {
      return problem(
          where,
          "it has "
              + data.get().size()
              + " bytes of data where "
              + type.label()
              + " "
              + Arrays.toString(dims)
              + " needs "
              + length,
          "the file is cut off or damaged: export or download it again");
    }
    return data.map(d -> new OnnxTensor(fields.name, type, dims, d));
  }

  private static void walk(Bytes message, Fields fields) {
    Wire wire = new Wire(message);
    while (wire.next()) {
      switch (wire.field()) {
        case 1 -> dims(wire, fields);
        case 2 -> fields.typeCode = wire.varint();
        case 4, 5, 6, 7, 10, 11 -> {
          fields.mixed |= fields.dataField != 0 && fields.dataField != wire.field();
          fields.dataField = wire.field();
          if (wire.type() == Wire.CHUNK) {
            fields.lastChunk = wire.chunk();
            fields.chunks++;
          } else {
            wire.skip();
            fields.singles++;
          }
        }
        case 8 -> fields.name = wire.text();
        case RAW -> fields.raw = Optional.of(wire.chunk());
        case 13 -> {
          String key = "";
          String value = "";
          Wire entry = new Wire(wire.chunk());
          while (entry.next()) {
            switch (entry.field()) {
              case 1 -> key = entry.text();
              case 2 -> value = entry.text();
              default -> entry.skip();
            }
          }
          if (fields.externalEntries.size() < 16) {
            fields.externalEntries.put(key, value);
          }
        }
        case 14 -> fields.isExternal = wire.varint() == 1;
        default -> wire.skip();
      }
    }
  }

  private static void dims(Wire wire, Fields fields) {
    if (wire.type() != Wire.CHUNK) {
      addDim(fields, wire.varint());
      return;
    }
    Wire packed = new Wire(wire.chunk());
    while (!packed.atEnd()) {
      addDim(fields, packed.rawVarint());
    }
  }

  private static void addDim(Fields fields, long dim) {
    if (fields.dims.size() == MOST_AXES) {
      throw new Wire.Malformed("a tensor has more than " + MOST_AXES + " axes");
    }
    fields.dims.add(dim);
  }

  private Optional<Bytes> data(
      Bytes message, Fields fields, String where, DataType type, long length) {
    if (fields.isExternal) {
      return externalData(fields.externalEntries, where, length);
    }
    if (fields.raw.isPresent()) {
      return fields.raw;
    }
    if (fields.dataField == 0) {
      return Optional.of(Bytes.of(new byte[0]));
    }
    int expected = fieldOf(type);
    if (fields.mixed || fields.dataField != expected) {
      problem(
          where,
          "elements of " + type.label() + " lie in field " + fields.dataField + ", not " + expected,
          "the file is damaged: export it again");
      return Optional.empty();
    }
    boolean isFixed = expected == 4 || expected == 10;
    if (isFixed && fields.chunks == 1 && fields.singles == 0) {
      return Optional.of(fields.lastChunk);
    }
    return writtenOut(message, expected, where, type, length);
  }

  /** The data field that a type's elements lie in where {@code raw_data} is not used. */
  private static int fieldOf(DataType type) {
    return switch (type) {
      case FLOAT, COMPLEX64 -> 4;
      case INT64 -> 7;
      case DOUBLE, COMPLEX128 -> 10;
      case UINT32, UINT64 -> 11;
      default -> 5;
    };
  }

  private Optional<Bytes> writtenOut(
      Bytes message, int field, String where, DataType type, long length) {
    int width =
        switch (field) {
          case 4 -> 4;
          case 10 -> 8;
          default -> type.bytes();
        };
    // Each element takes a byte at least, so that a hostile shape cannot ask for more than the file
    // could fill.
    if (length / width > message.size()) {
      problem(where, "it has fewer elements than its shape asks for", "the file is damaged");
      return Optional.empty();
    }
    written += length;
    if (written > MOST_WRITTEN) {
      problem(where, "too many numbers are stored as varints", "store weights as raw_data");
      return Optional.empty();
    }
    byte[] target = new byte[(int) length];
    int at = 0;
    Wire wire = new Wire(message);
    while (wire.next()) {
      if (wire.field() != field) {
        wire.skip();
      } else if (wire.type() == Wire.CHUNK) {
        Wire packed = new Wire(wire.chunk());
        while (!packed.atEnd()) {
          at = put(target, at, width, element(packed, field));
        }
      } else {
        at = put(target, at, width, element(wire, field));
      }
    }
    if (at != length) {
      problem(
          where,
          "its data do not fit its shape: " + at / width + " elements, not " + length / width,
          "the file is damaged");
      return Optional.empty();
    }
    return Optional.of(Bytes.of(target));
  }

  private static long element(Wire wire, int field) {
    return switch (field) {
      case 4 -> wire.fixed(4);
      case 10 -> wire.fixed(8);
      default -> wire.rawVarint();
    };
  }

  /** Writes an element if there is room; the returned position tells whether there was. */
  private static int put(byte[] target, int at, int width, long value) {
    if (at + width <= target.length) {
      for (int i = 0; i < width; i++) {
        target[at + i] = (byte) (value >> 8 * i);
      }
    }
    return Math.min(at, Integer.MAX_VALUE - 16) + width;
  }

  private Optional<Bytes> externalData(Map<String, String> entries, String where, long length) {
    String location = entries.getOrDefault("location", "");
    if (external.isEmpty()) {
      problem(
          where,
          "its data lie in another file, '" + location + "'",
          "give that file too, or store the weights within the model");
      return Optional.empty();
    }
    if (!isWithinFolder(location)) {
      problem(where, "its data lie in '" + location + "', outside of the model's folder", "");
      return Optional.empty();
    }
    long offset = number(entries.getOrDefault("offset", "0"));
    long stated = number(entries.getOrDefault("length", Long.toString(length)));
    try {
      Bytes file = files.computeIfAbsent(location, external.get()::file);
      if (offset < 0 || stated < 0 || offset > file.size() || stated > file.size() - offset) {
        problem(
            where,
            "bytes "
                + entries.getOrDefault("offset", "0")
                + " and following of '"
                + location
                + "' are asked for, which has "
                + file.size(),
            "the file is cut off, or belongs to another model");
        return Optional.empty();
      }
      return Optional.of(file.slice(offset, stated));
    } catch (java.io.UncheckedIOException e) {
      problem(where, "its file '" + location + "' cannot be read: " + e.getMessage(), "");
      return Optional.empty();
    }
  }

  private static boolean isWithinFolder(String location) {
    if (location.isEmpty() || location.startsWith("/") || location.indexOf('\\') >= 0) {
      return false;
    }
    String slashed = "/" + location + "/";
    return slashed.indexOf("/../") < 0 && location.indexOf(':') < 0;
  }

  /** The number in a text, or -1 if there is none. */
  private static long number(String text) {
    try {
      return Long.parseLong(text);
    } catch (NumberFormatException e) {
      return -1;
    }
  }

  private <T> Optional<T> problem(String where, String text, String advice) {
    problems.add(new Problem(where, "", text, advice));
    return Optional.empty();
  }
}
