package dev.quern.wasm;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/**
 * A module as data: built once by a lambda, then written as bytes or as text.
 *
 * <pre>{@code
 * WasmModule module = WasmModule.build(m -> {
 *   m.importMemory(false);
 *   Function add = m.function("add", FunctionType.of("ii:i"), c ->
 *       c.get(c.parameter(0)).get(c.parameter(1)).op(Opcode.I32_ADD));
 *   m.export(add);
 * });
 * byte[] bytes = module.encode();
 * }</pre>
 */
public final class WasmModule {
  /** The most pages a 32-bit memory may have; a shared import has to state a limit. */
  private static final int MOST_PAGES = 65536;

  private record Memory(boolean shared, int minimum) {}

  private record Element(int slot, List<Function> functions) {}

  private final List<FunctionType> types = new ArrayList<>();
  private final List<Function> imports = new ArrayList<>();
  private final List<Function> functions = new ArrayList<>();
  private final Map<String, Function> exports = new LinkedHashMap<>();
  private final List<Element> elements = new ArrayList<>();
  private Memory memory;
  private int table = -1;

  private WasmModule() {}

  /** Builds a module. */
  public static WasmModule build(Consumer<Builder> body) {
    WasmModule module = new WasmModule();
    body.accept(new Builder(module));
    return module;
  }

  /** What a module's lambda is handed. */
  public static final class Builder {
    private final WasmModule module;

    private Builder(WasmModule module) {
      this.module = module;
    }

    /** Imports {@code env.memory}; a module's import is either shared or it is not. */
    public void importMemory(boolean shared) {
      module.memory = new Memory(shared, 1);
    }

    /** Imports {@code env.table} with at least so many entries. */
    public void importTable(int entries) {
      module.table = entries;
    }

    /** Imports {@code env.NAME}. All imports come before the first function. */
    public Function importFunction(String name, FunctionType type) {
      if (!module.functions.isEmpty()) {
        throw new EmitException("import " + name + " comes after a function");
      }
      type(type);
      Function function = new Function(module.imports.size(), name, type, List.of(), List.of());
      module.imports.add(function);
      return function;
    }

    /** Adds a function; it may call those added before it. */
    public Function function(
        String name, FunctionType type, List<String> parameters, Consumer<Code> body) {
      type(type);
      Code code = new Code(this, name, type, parameters.toArray(new String[0]));
      body.accept(code);
      Function function = code.finish(module.imports.size() + module.functions.size());
      module.functions.add(function);
      return function;
    }

    /** Adds a function whose parameters have no names of their own. */
    public Function function(String name, FunctionType type, Consumer<Code> body) {
      return function(name, type, List.of(), body);
    }

    /** Exports a function under its name. */
    public void export(Function function) {
      if (module.exports.put(function.name(), function) != null) {
        throw new EmitException("two exports are called " + function.name());
      }
    }

    /** Puts a function into the table when the module is instantiated. */
    public void element(int slot, Function function) {
      module.elements.add(new Element(slot, List.of(function)));
    }

    int type(FunctionType type) {
      int index = module.types.indexOf(type);
      if (index < 0) {
        index = module.types.size();
        module.types.add(type);
      }
      return index;
    }
  }

  /** The binary format. */
  public byte[] encode() {
    Binary out = new Binary();
    out.fixed(0x6d736100L, 4);
    out.fixed(1, 4);
    section(out, 1, types.size(), this::encodeTypes);
    int importCount = imports.size() + (memory == null ? 0 : 1) + (table < 0 ? 0 : 1);
    section(out, 2, importCount, this::encodeImports);
    section(out, 3, functions.size(), this::encodeDeclarations);
    section(out, 7, exports.size(), this::encodeExports);
    section(out, 9, elements.size(), this::encodeElements);
    section(out, 10, functions.size(), this::encodeBodies);
    return out.toByteArray();
  }

  private static void section(Binary out, int id, int count, Consumer<Binary> content) {
    if (count == 0) {
      return;
    }
    Binary section = new Binary();
    section.u32(count);
    content.accept(section);
    out.u8(id);
    out.sized(section);
  }

  private void encodeTypes(Binary out) {
    for (FunctionType type : types) {
      out.u8(0x60);
      valueTypes(out, type.parameters());
      valueTypes(out, type.results());
    }
  }

  private static void valueTypes(Binary out, List<ValueType> list) {
    out.u32(list.size());
    for (ValueType type : list) {
      out.u8(type.code());
    }
  }

  private void encodeImports(Binary out) {
    if (memory != null) {
      out.name("env");
      out.name("memory");
      out.u8(2);
      out.u8(memory.shared ? 3 : 0);
      out.u32(memory.minimum);
      if (memory.shared) {
        out.u32(MOST_PAGES);
      }
    }
    if (table >= 0) {
      out.name("env");
      out.name("table");
      out.u8(1);
      out.u8(0x70);
      out.u8(0);
      out.u32(table);
    }
    for (Function function : imports) {
      out.name("env");
      out.name(function.name());
      out.u8(0);
      out.u32(types.indexOf(function.type()));
    }
  }

  private void encodeDeclarations(Binary out) {
    for (Function function : functions) {
      out.u32(types.indexOf(function.type()));
    }
  }

  private void encodeExports(Binary out) {
    for (Map.Entry<String, Function> export : exports.entrySet()) {
      out.name(export.getKey());
      out.u8(0);
      out.u32(export.getValue().index());
    }
  }

  private void encodeElements(Binary out) {
    for (Element element : elements) {
      out.u8(0);
      out.u8(Opcode.I32_CONST.code());
      out.s64(element.slot);
      out.u8(Opcode.END.code());
      out.u32(element.functions.size());
      for (Function function : element.functions) {
        out.u32(function.index());
      }
    }
  }

  private void encodeBodies(Binary out) {
    for (Function function : functions) {
      function.encode(out);
    }
  }

  /** The text format, for people and golden files. */
  public String text() {
    Text text = new Text(types, imports, functions);
    if (memory != null) {
      text.line(
          "(import \"env\" \"memory\" (memory 1" + (memory.shared ? " 65536 shared" : "") + "))");
    }
    if (table >= 0) {
      text.line("(import \"env\" \"table\" (table " + table + " funcref))");
    }
    text.functions();
    for (Element element : elements) {
      text.line("(elem (i32.const " + element.slot + ") $" + element.functions.get(0).name() + ")");
    }
    for (Map.Entry<String, Function> export : exports.entrySet()) {
      text.line("(export \"" + export.getKey() + "\" (func $" + export.getValue().name() + "))");
    }
    return text.finish();
  }
}
