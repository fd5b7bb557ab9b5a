package dev.quern.wgsl;

/**
 * An expression and its type. Operators throw where WGSL would refuse the operands, naming both
 * types; parentheses are written where the grammar needs them.
 */
public sealed class Expr permits Variable {
  /** How tightly an expression binds, as far as the emitter mixes operators without parentheses. */
  private enum Level {
    OTHER,
    AND,
    COMPARISON,
    SUM,
    PRODUCT,
    PRIMARY
  }

  private final Type type;
  private final String text;
  private final Level level;

  private Expr(Type type, String text, Level level) {
    this.type = type;
    this.text = text;
    this.level = level;
  }

  /** A name, or anything else that needs no parentheses. */
  Expr(Type type, String text) {
    this(type, text, Level.PRIMARY);
  }

  public Type type() {
    return type;
  }

  String text() {
    return text;
  }

  // --- constants ---

  /** A whole number of type u32. */
  public static Expr u32(long value) {
    if (value < 0 || value > 0xffffffffL) {
      throw new ShaderException(value + " is no u32");
    }
    return new Expr(Type.U32, value + "u");
  }

  /** A whole number of type i32. */
  public static Expr i32(int value) {
    // The least number has no literal: its magnitude does not fit.
    String text = value == Integer.MIN_VALUE ? "i32(-2147483647 - 1)" : "i32(" + value + ")";
    return new Expr(Type.I32, text);
  }

  public static Expr bool(boolean value) {
    return new Expr(Type.BOOL, value ? "true" : "false");
  }

  /** A finite number of type f32, written so that no digit is lost. */
  public static Expr f32(float value) {
    return new Expr(Type.F32, Literals.f32(value));
  }

  // --- operators ---

  public Expr plus(Expr other) {
    return binary("+", other, Level.SUM, arithmetic("+", other));
  }

  public Expr minus(Expr other) {
    return binary("-", other, Level.SUM, arithmetic("-", other));
  }

  public Expr times(Expr other) {
    return binary("*", other, Level.PRODUCT, arithmetic("*", other));
  }

  public Expr over(Expr other) {
    return binary("/", other, Level.PRODUCT, arithmetic("/", other));
  }

  /** The remainder with the dividend's sign. */
  public Expr rem(Expr other) {
    return binary("%", other, Level.PRODUCT, arithmetic("%", other));
  }

  public Expr plus(long other) {
    return other == 0 ? this : plus(u32(other));
  }

  public Expr times(long other) {
    return other == 1 ? this : times(u32(other));
  }

  public Expr over(long other) {
    return other == 1 ? this : over(u32(other));
  }

  public Expr rem(long other) {
    return rem(u32(other));
  }

  public Expr negated() {
    if (!type.isFloat() && type != Type.I32) {
      throw new ShaderException("- needs a signed number, found " + type.text());
    }
    return new Expr(type, "-" + within(Level.PRIMARY), Level.OTHER);
  }

  public Expr lt(Expr other) {
    return comparison("<", other);
  }

  public Expr le(Expr other) {
    return comparison("<=", other);
  }

  public Expr gt(Expr other) {
    return comparison(">", other);
  }

  public Expr ge(Expr other) {
    return comparison(">=", other);
  }

  public Expr eq(Expr other) {
    return comparison("==", other);
  }

  public Expr ne(Expr other) {
    return comparison("!=", other);
  }

  /** Both, of single bools; the right one is looked at only where the left one holds. */
  public Expr and(Expr other) {
    require(Type.BOOL, "&&");
    other.require(Type.BOOL, "&&");
    return binary("&&", other, Level.AND, Type.BOOL);
  }

  public Expr or(Expr other) {
    require(Type.BOOL, "||");
    other.require(Type.BOOL, "||");
    return new Expr(
        Type.BOOL, within(Level.COMPARISON) + " || " + other.within(Level.COMPARISON), Level.OTHER);
  }

  public Expr not() {
    if (!type.isBool()) {
      throw new ShaderException("! needs a bool, found " + type.text());
    }
    return new Expr(type, "!" + within(Level.PRIMARY), Level.OTHER);
  }

  /** {@code &}, {@code |} or {@code ^} of whole numbers or bools. */
  public Expr bits(String operator, Expr other) {
    if (type != other.type || type.isFloat()) {
      throw mismatch(operator, other);
    }
    String text = within(Level.PRIMARY) + " " + operator + " " + other.within(Level.PRIMARY);
    return new Expr(type, text, Level.OTHER);
  }

  public Expr bitNot() {
    return new Expr(type, "~" + within(Level.PRIMARY), Level.OTHER);
  }

  /** {@code <<} or {@code >>} by fewer bits than there are. */
  public Expr shift(String operator, Expr by) {
    if (!type.isInteger() || by.type.element() != Type.U32) {
      throw mismatch(operator, by);
    }
    String text = within(Level.PRIMARY) + " " + operator + " " + by.within(Level.PRIMARY);
    return new Expr(type, text, Level.OTHER);
  }

  public Expr shift(String operator, int by) {
    return shift(operator, u32(by));
  }

  // --- parts and functions ---

  /** An element of a vector, by its number. */
  public Expr lane(int lane) {
    if (type.element() == type) {
      throw new ShaderException(type.text() + " has no lanes");
    }
    return new Expr(type.element(), within(Level.PRIMARY) + "." + "xyzw".charAt(lane));
  }

  /** A value made of others or converted: {@code f32(x)}, {@code vec4<f32>(a, b, c, d)}. */
  public static Expr make(Type type, Expr... parts) {
    return new Expr(type, type.text() + list(parts));
  }

  /** The same bits as another type. */
  public Expr bitcast(Type to) {
    return new Expr(to, "bitcast<" + to.text() + ">(" + text + ")");
  }

  /** The two f16 in a word, as vec2 of f32. */
  Expr halves() {
    require(Type.U32, "unpack2x16float");
    return new Expr(Type.VEC2F, "unpack2x16float" + list(this));
  }

  /** The nearest f16 of a number, in the lower half of a word. */
  static Expr half(Expr value) {
    value.require(Type.F32, "pack2x16float");
    return new Expr(Type.U32, "pack2x16float" + list(make(Type.VEC2F, value, f32(0))));
  }

  /** A builtin function whose result has the type of its first argument; all have the same. */
  public static Expr call(String name, Expr... arguments) {
    for (Expr argument : arguments) {
      if (argument.type != arguments[0].type) {
        throw arguments[0].mismatch(name, argument);
      }
    }
    return new Expr(arguments[0].type, name + list(arguments));
  }

  /** The sum of the products of two vectors. */
  public static Expr dot(Expr a, Expr b) {
    if (a.type != Type.VEC4F || b.type != Type.VEC4F) {
      throw a.mismatch("dot", b);
    }
    return new Expr(Type.F32, "dot" + list(a, b));
  }

  /** {@code yes} where the condition holds, else {@code no}; both are computed. */
  public static Expr select(Expr condition, Expr yes, Expr no) {
    boolean fits = condition.type == Type.BOOL || condition.type == yes.type.comparison();
    if (yes.type != no.type || !fits) {
      throw new ShaderException(
          "select of "
              + yes.type.text()
              + " and "
              + no.type.text()
              + " by "
              + condition.type.text());
    }
    return new Expr(yes.type, "select" + list(no, yes, condition));
  }

  private static String list(Expr... parts) {
    StringBuilder out = new StringBuilder("(");
    for (int i = 0; i < parts.length; i++) {
      out.append(i == 0 ? "" : ", ").append(parts[i].text());
    }
    return out.append(')').toString();
  }

  /** {@code within(level)}: this, in parentheses if it binds less tightly than that. */
  private String within(Level wanted) {
    return level.compareTo(wanted) < 0 ? "(" + text() + ")" : text();
  }

  private Expr binary(String operator, Expr other, Level at, Type result) {
    // All of these but the comparisons group to the left.
    Level left = at == Level.COMPARISON ? Level.SUM : at;
    Level right = Level.values()[at.ordinal() + 1];
    String text = within(left) + " " + operator + " " + other.within(right);
    return new Expr(result, text, at);
  }

  /** A number and a vector of floats make a vector. */
  private Type arithmetic(String operator, Expr other) {
    if (type == other.type && !type.isBool()) {
      return type;
    }
    boolean mixed =
        type == Type.VEC4F && other.type == Type.F32
            || type == Type.F32 && other.type == Type.VEC4F;
    if (!mixed) {
      throw mismatch(operator, other);
    }
    return Type.VEC4F;
  }

  private Expr comparison(String operator, Expr other) {
    if (type != other.type) {
      throw mismatch(operator, other);
    }
    return binary(operator, other, Level.COMPARISON, type.comparison());
  }

  /** Throws unless this has that type. */
  void require(Type wanted, String what) {
    if (type != wanted) {
      throw new ShaderException(what + " needs " + wanted.text() + ", found " + type.text());
    }
  }

  private ShaderException mismatch(String what, Expr other) {
    return new ShaderException(
        what + " of " + type.text() + " and " + other.type.text() + " (" + text + ")");
  }

  @Override
  public String toString() {
    return text();
  }
}
