package dev.quern.runtime;

import dev.quern.graph.Graph;
import dev.quern.graph.Shape;
import dev.quern.graph.Value;
import dev.quern.kernel.KernelSpec;
import dev.quern.kernel.MatmulKernel;
import dev.quern.kernel.StepRecord;
import dev.quern.kernel.WeightFormat;
import dev.quern.onnx.Lists;
import dev.quern.plan.Activation;
import dev.quern.plan.Arg;
import dev.quern.plan.Base;
import dev.quern.plan.Lowerings;
import dev.quern.plan.Plan;
import dev.quern.plan.Planner;
import dev.quern.plan.Step;
import dev.quern.plan.Weight;
import dev.quern.plan.Work;
import dev.quern.reference.Tensor;
import dev.quern.runtime.KernelTable.Wanted;
import dev.quern.runtime.RunException.Reason;
import dev.quern.schedule.Heuristic;
import dev.quern.schedule.RowBucket;
import dev.quern.schedule.Schedule;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * A model on a machine: its weights packed, its kernels installed, a program for each set of sizes.
 * A run is {@link #bind}, writing the inputs where {@link #address} says, {@link #execute}, and
 * reading the outputs; nothing is allocated in linear memory for sizes that were seen before.
 *
 * <p>Linear memory, from its start: {@link Control}'s words, the model's file with its weights,
 * further weights, records of the programs, the threads' scratch, the arena.
 */
public final class ModelRunner {
  /** Sets of sizes whose programs are kept. */
  private static final int MOST_PROGRAMS = 8;

  /** Elements below which a step is not shared out to threads. */
  private static final long SMALL = 2048;

  /** Two tiles of six rows, of the code that longer inputs run too. */
  private static final int WARM_SIZE = 12;

  /** Warming ends after so many runs in a row that took more than this part of the fastest. */
  private static final int WARM_RUNS = 3;

  private static final double WARM_GAIN = 0.9;

  private final Machine machine;
  private final Graph graph;
  private final Plan plan;
  private final Limits limits;
  private final Workspace space;
  private final KernelTable table;
  private final long[] weights;
  private final int[] facts;
  private final long programsAt;
  private final String[] signatures;

  /** Entries of the kernels that have no schedule: they never change. */
  private final int[] slots;

  private final Map<String, Schedule> adopted = new LinkedHashMap<>();
  private final Map<String, Schedule> heuristics = new LinkedHashMap<>();
  private final Map<String, Program> programs = new LinkedHashMap<>();
  private final List<Integer> freePrograms = new ArrayList<>();
  private final WeightLoader loader;
  private double packMilliseconds;
  private double warmBest = Double.MAX_VALUE;
  private int warmSlower;
  private int generation;
  private boolean timing;
  private Program current;

  /** What the bound run leaves for the next, if it is one of those. */
  private Kept kept;

  /** The newest program of runs that keep values: their sizes seldom come again. */
  private Program keeping;

  private ModelRunner(Workspace space, Graph graph, Plan plan, Limits limits) {
    this.space = space;
    this.machine = space.machine();
    this.graph = graph;
    this.plan = plan;
    this.limits = limits;
    this.table = space.table();
    this.signatures = new String[plan.steps().size()];
    this.slots = new int[signatures.length];
    for (int i = 0; i < signatures.length; i++) {
      signatures[i] = plan.steps().get(i).kernel().signature();
    }
    loader = new WeightLoader(space, plan.weights());
    weights = loader.addresses();
    facts = loader.facts();
    programsAt = space.allocate(programBytes());
    space.settle();
    generation = space.generation();
  }

  /**
   * One more for runs that keep values, and one record more: a step's end is written as the
   * beginning of the record behind it, too.
   */
  private long programBytes() {
    return ((MOST_PROGRAMS + 1L) * plan.steps().size() + 1) * StepRecord.SIZE;
  }

  /** Plans a graph of any operators for a machine. */
  public static Plan plan(Machine machine, Graph graph) {
    return Planner.plan(graph, Lowerings.all(), machine.features().sumsBytes());
  }

  /** Plans a graph of any operators and loads it. */
  public static ModelRunner load(Machine machine, Graph graph, Limits limits, long top) {
    return load(machine, graph, plan(machine, graph), limits, top);
  }

  /**
   * Loads a plan's weights and installs the kernels that need no sizes.
   *
   * @see #prepare
   */
  public static ModelRunner load(Machine machine, Graph graph, Plan plan, Limits limits, long top) {
    ModelRunner runner = prepare(machine, graph, plan, limits, top);
    runner.pack();
    return runner;
  }

  /**
   * Gives a plan's weights their places and installs the kernels that need no sizes; what lies in
   * the file's large tensors may still be on its way. Runs make sense only after {@link #pack}. The
   * first module it installs is the walker's.
   *
   * @param graph optimised; constants whose data is {@link Addressed} stay where they are
   * @param top the first address that is free
   * @throws MachineException if memory or a module is refused
   */
  public static ModelRunner prepare(
      Machine machine, Graph graph, Plan plan, Limits limits, long top) {
    return prepare(Workspace.ofOne(machine, top), graph, plan, limits);
  }

  /** Loads a plan into a workspace, where others may be. */
  public static ModelRunner load(Workspace space, Graph graph, Plan plan, Limits limits) {
    ModelRunner runner = prepare(space, graph, plan, limits);
    runner.pack();
    return runner;
  }

  private static ModelRunner prepare(Workspace space, Graph graph, Plan plan, Limits limits) {
    ModelRunner runner = new ModelRunner(space, graph, plan, limits);
    List<Wanted> wanted = new ArrayList<>();
    for (Step step : plan.steps()) {
      if (!(step.kernel() instanceof KernelSpec.Matmul)) {
        wanted.add(new Wanted(step.kernel(), step.kernel().signature(), null));
      }
    }
    runner.table.install(wanted);
    for (int i = 0; i < runner.slots.length; i++) {
      if (!(plan.steps().get(i).kernel() instanceof KernelSpec.Matmul)) {
        runner.slots[i] = runner.table.slot(runner.signatures[i], null);
      }
    }
    return runner;
  }

  /** Packs the weights, once the whole file is there; no run may be under way. */
  public void pack() {
    double start = machine.now();
    loader.pack(between());
    // Runs that warmed were written before the packers had told what they tell of the weights.
    for (Program program : written()) {
      for (int i = 0; i < plan.steps().size(); i++) {
        write(program, i);
      }
    }
    packMilliseconds = machine.now() - start;
  }

  /** Gives back what the plan holds in a workspace that it shares; it is not run again. */
  public void release() {
    for (Weight weight : loader.owned()) {
      space.release(weights[weight.id()], WeightLoader.room(weight));
    }
    space.release(programsAt, programBytes());
  }

  public Plan plan() {
    return plan;
  }

  public Machine machine() {
    return machine;
  }

  /** Time spent on packing weights, emitting kernels, and compiling them. */
  public double packMilliseconds() {
    return packMilliseconds;
  }

  public double emitMilliseconds() {
    return table.emitMilliseconds();
  }

  public double compileMilliseconds() {
    return table.compileMilliseconds();
  }

  // --- runs ---

  /**
   * Prepares a run with inputs of these dimensions.
   *
   * @return floating-point operations of the run
   * @throws RunException naming the input that does not fit
   */
  public double bind(Map<String, long[]> inputs) {
    Map<String, Long> symbols = symbols(inputs);
    forgetMoved();
    String key = key(symbols);
    Program known = programs.remove(key);
    if (known == null) {
      known = program(symbols, null);
    }
    // The newest stands last; the first is the one to go.
    programs.put(key, known);
    current = known;
    kept = null;
    return known.flops();
  }

  /**
   * What runs leave for the next in linear memory.
   *
   * @param pairs names of inputs, and of the outputs that become them
   * @throws RunException if there are none of these names, or their types differ
   */
  public Kept keep(Map<String, String> pairs) {
    Map<String, Value> inputs = new LinkedHashMap<>();
    plan.inputs().forEach(input -> inputs.put(input.name(), input));
    Map<String, Value> outputs = new LinkedHashMap<>();
    plan.outputs().forEach(output -> outputs.put(output.name(), output));
    return new Kept(space, inputs, outputs, pairs);
  }

  /** Gives back what runs have left. */
  public void drop(Kept old) {
    if (kept == old) {
      kept = null;
      keeping = null;
    }
    old.release();
  }

  /**
   * Prepares a run that reads what another has left, and leaves its own; {@link #executed} must be
   * told when it ended well.
   *
   * @param inputs dimensions of all inputs, those that were left too
   * @return floating-point operations of the run
   * @throws RunException naming the input that does not fit
   */
  public double bind(Map<String, long[]> inputs, Kept values) {
    Map<String, Long> symbols = symbols(inputs);
    values.makeRoom(symbols);
    forgetMoved();
    keeping = null;
    keeping = program(symbols, values);
    current = keeping;
    kept = values;
    return keeping.flops();
  }

  /** The bound run has ended well: what it left can be read. */
  public void executed() {
    if (kept != null) {
      kept.turn(bound().symbols());
      kept = null;
    }
  }

  /** Programs whose records are in memory. */
  private List<Program> written() {
    List<Program> all = new ArrayList<>(programs.values());
    if (keeping != null) {
      all.add(keeping);
    }
    return all;
  }

  /**
   * The values of the model's symbols for inputs of these dimensions.
   *
   * @throws RunException naming the input that does not fit
   */
  public Map<String, Long> symbols(Map<String, long[]> inputs) {
    Set<String> unknown = new TreeSet<>(inputs.keySet());
    for (Value input : plan.inputs()) {
      unknown.remove(input.name());
    }
    if (!unknown.isEmpty()) {
      throw new RunException(
          Reason.INPUT, "the model has no input " + Lists.text(unknown) + "; it wants " + wanted());
    }
    try {
      return new TreeMap<>(graph.bind(inputs));
    } catch (IllegalArgumentException e) {
      throw new RunException(Reason.INPUT, e.getMessage());
    }
  }

  private String wanted() {
    List<String> wanted = new ArrayList<>();
    for (Value input : plan.inputs()) {
      wanted.add(input.toString());
    }
    return Lists.text(wanted);
  }

  /** The symbols' values as a key. */
  private static String key(Map<String, Long> symbols) {
    StringBuilder key = new StringBuilder();
    for (Map.Entry<String, Long> symbol : symbols.entrySet()) {
      key.append(symbol.getKey()).append('=').append((long) symbol.getValue()).append(' ');
    }
    return key.toString();
  }

  /**
   * The program of the bound run: {@link Machine#run} of all its steps does what {@link #execute}
   * does, as long as {@link Control#VERSION} stays.
   */
  public int program() {
    return bound().address();
  }

  /** A module of all kernels that runs use: for one more thread that is to run programs. */
  public byte[] kernels() {
    return table.module();
  }

  /** Says to those who repeat runs by their addresses that the next one has to be bound anew. */
  public void outdate() {
    machine.memory().putInt(Control.VERSION, machine.memory().getInt(Control.VERSION) + 1);
  }

  /** The address of an input or output of the bound run. */
  public long address(String name) {
    return bound().arena()[plan.places().get(name)];
  }

  /** The address of an activation of the bound run. */
  public long address(int activation) {
    return bound().arena()[activation];
  }

  /** Where a weight lies, packed if the plan packs it. */
  public long weightAddress(int weight) {
    return weights[weight];
  }

  /** Bytes of a weight as it lies. */
  public long weightBytes(int weight) {
    return WeightLoader.bytes(plan.weights().get(weight));
  }

  /** The dimensions of an input or output of the bound run. */
  public long[] dims(Value value) {
    return value.shape().evaluate(bound().symbols());
  }

  /**
   * Runs what is bound.
   *
   * @throws RunException if it was cancelled, an index is out of range, or the engine failed
   */
  public void execute() {
    int status = machine.run(bound().address(), 0, plan.steps().size());
    if (status != Control.OK) {
      throw failure(status);
    }
  }

  /**
   * Runs the model once on zeros; to be done until it gets no faster, so that the engine's
   * optimising compiler has done its work before the first request: fresh code runs at a fifth of
   * its final speed. Sizes that are not known are small: as many rows as start the compiler. Where
   * the model refuses them nothing is done. The weights need not be there yet.
   *
   * @param threads that run
   * @return whether another time may help
   */
  public boolean warm(int threads) {
    int before = machine.memory().getInt(Control.THREADS);
    try {
      Map<String, long[]> guess = new LinkedHashMap<>();
      Map<String, Long> symbols = guess();
      for (Value input : plan.inputs()) {
        guess.put(input.name(), input.shape().evaluate(symbols));
      }
      bind(guess);
      for (Value input : plan.inputs()) {
        machine.memory().clear(address(input.name()), bytes(input));
      }
      machine.memory().putInt(Control.THREADS, threads);
      double start = machine.now();
      execute();
      double took = machine.now() - start;
      warmSlower = took < warmBest * WARM_GAIN ? 0 : warmSlower + 1;
      warmBest = Math.min(warmBest, took);
      return warmSlower < WARM_RUNS;
    } catch (RunException e) {
      if (e.reason() == Reason.ENGINE) {
        throw e;
      }
      return false;
    } finally {
      machine.memory().putInt(Control.THREADS, before);
      current = null;
    }
  }

  /** Sizes to warm with: one sample, few of whatever else is not known. */
  private Map<String, Long> guess() {
    Map<String, Long> symbols = new LinkedHashMap<>();
    for (Value input : plan.inputs()) {
      Shape shape = input.shape();
      for (int i = 0; i < shape.rank(); i++) {
        if (shape.dim(i).isSymbol()) {
          symbols.putIfAbsent(shape.dim(i).toString(), i == 0 ? 1L : WARM_SIZE);
        }
      }
    }
    return symbols;
  }

  private long bytes(Value value) {
    return value.shape().size().evaluate(bound().symbols()) * value.type().bytes();
  }

  private RunException failure(int status) {
    if (status == Control.CANCELLED) {
      return new RunException(Reason.CANCELLED, "the run was cancelled");
    }
    int record = machine.memory().getInt(Control.ERROR_STEP);
    int index = (record - bound().address()) / StepRecord.SIZE;
    String step =
        index >= 0 && index < plan.steps().size() ? plan.steps().get(index).name() : "unknown";
    if (status == Control.INDEX_OUT_OF_RANGE) {
      return new RunException(
          Reason.INPUT,
          "node '"
              + step
              + "': the index "
              + machine.memory().getInt(Control.ERROR_VALUE)
              + " is out of range, of 0.."
              + (machine.memory().getInt(record + StepRecord.arg(3)) - 1));
    }
    return new RunException(
        Reason.ENGINE,
        status == Control.BARRIER_TIMED_OUT
            ? "a compute thread stopped answering"
            : "a kernel failed with status " + status);
  }

  private Program bound() {
    if (current == null) {
      throw new IllegalStateException("no run is bound");
    }
    return current;
  }

  /** Runs the model on tensors: what a test or a tool needs. */
  public Map<String, Tensor> run(Map<String, Tensor> inputs) {
    Map<String, long[]> dims = new LinkedHashMap<>();
    inputs.forEach((name, tensor) -> dims.put(name, tensor.dims()));
    bind(dims);
    for (Value input : plan.inputs()) {
      byte[] bytes = inputs.get(input.name()).toBytes();
      machine.memory().write(address(input.name()), bytes, 0, bytes.length);
    }
    execute();
    Map<String, Tensor> outputs = new LinkedHashMap<>();
    for (Value output : plan.outputs()) {
      long bytes = bytes(output);
      outputs.put(
          output.name(),
          Tensor.fromBytes(
              output.type(), machine.memory().view(address(output.name()), bytes), dims(output)));
    }
    return outputs;
  }

  // --- programs ---

  private Program program(Map<String, Long> symbols, Kept values) {
    long scratch = 0;
    int count = plan.steps().size();
    int[] rows = new int[count];
    Schedule[] schedules = new Schedule[count];
    double flops = 0;
    List<Wanted> wanted = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      Step step = plan.steps().get(i);
      scratch = Math.max(scratch, step.scratch().evaluate(symbols));
      flops += step.flops().evaluate(symbols);
      if (step.kernel() instanceof KernelSpec.Matmul matmul
          && step.work() instanceof Work.Blocks blocks) {
        rows[i] = (int) blocks.rows().evaluate(symbols);
        RowBucket bucket = RowBucket.of(Math.max(1, rows[i]));
        schedules[i] = schedule(signatures[i], matmul, bucket, blocks, symbols);
        wanted.add(new Wanted(matmul, signatures[i], schedules[i]));
      }
    }
    table.install(wanted);
    long[] sizes = new long[plan.activations().size()];
    for (Activation activation : plan.activations()) {
      sizes[activation.id()] = activation.bytes().evaluate(symbols);
    }
    space.needScratch(scratch);
    forgetMoved();
    long[] addresses = addresses(sizes, values);
    int address = values == null ? freeAddress() : programAddress(MOST_PROGRAMS);
    Program program = new Program(address, symbols, addresses, rows, schedules, flops);
    for (int i = 0; i < count; i++) {
      write(program, i);
    }
    return program;
  }

  /** The addresses of activations of these sizes: in the arena, or where values are kept. */
  private long[] addresses(long[] sizes, Kept values) {
    if (values != null) {
      for (Map.Entry<String, String> pair : values.pairs().entrySet()) {
        sizes[plan.places().get(pair.getKey())] = 0;
        sizes[plan.places().get(pair.getValue())] = 0;
      }
    }
    Arena arena = Arena.place(plan.activations(), sizes);
    long arenaAt = space.arena(arena.bytes());
    long[] addresses = new long[sizes.length];
    for (int i = 0; i < addresses.length; i++) {
      addresses[i] = arenaAt + arena.offset(i);
    }
    if (values != null) {
      values.place(plan.places(), addresses);
    }
    return addresses;
  }

  private int programAddress(int index) {
    return (int) (programsAt + (long) index * plan.steps().size() * StepRecord.SIZE);
  }

  /** Room for another program, whose sizes may come again. */
  private int freeAddress() {
    if (programs.size() == MOST_PROGRAMS) {
      outdate();
      String oldest = programs.keySet().iterator().next();
      freePrograms.add(programs.remove(oldest).address());
    }
    return freePrograms.isEmpty() ? programAddress(programs.size()) : freePrograms.removeLast();
  }

  /** Forgets the programs whose addresses are wrong, because the arena has moved. */
  private void forgetMoved() {
    if (generation != space.generation()) {
      generation = space.generation();
      programs.clear();
      freePrograms.clear();
      keeping = null;
      current = null;
      outdate();
    }
  }

  private void write(Program program, int index) {
    Step step = plan.steps().get(index);
    int[] words = new int[StepRecord.SIZE / 4];
    for (int i = 0; i < step.args().size(); i++) {
      Arg arg = step.args().get(i);
      long value = arg.value().evaluate(program.symbols());
      if (arg.base() instanceof Base.OfActivation(int id)) {
        value += program.arena()[id];
      } else if (arg.base() instanceof Base.OfWeight(int id)) {
        value += weights[id];
      } else if (arg.base() instanceof Base.OfFact(int id)) {
        value += facts[id];
      }
      words[StepRecord.arg(i) / 4] = (int) value;
    }
    long items;
    long grain;
    long rounds = 1;
    Schedule schedule = program.schedules()[index];
    if (step.work() instanceof Work.Blocks blocks) {
      int n = (int) blocks.columns().evaluate(program.symbols());
      int matrix = MatmulKernel.cut(words, program.rows()[index], n, schedule);
      items = blocks.batch().evaluate(program.symbols()) * matrix;
      grain = 1;
    } else {
      Work.Items work = (Work.Items) step.work();
      items = work.count().evaluate(program.symbols());
      grain = grain(items, work.unit().evaluate(program.symbols()));
      rounds = work.rounds().evaluate(program.symbols());
    }
    words[StepRecord.SLOT / 4] =
        schedule == null ? slots[index] : table.slot(signatures[index], schedule);
    words[StepRecord.ITEMS / 4] = (int) items;
    words[StepRecord.GRAIN / 4] = (int) Math.max(1, grain);
    words[StepRecord.FLAGS / 4] = timing ? StepRecord.TIMED : 0;
    words[StepRecord.REPEATS / 4] = (int) rounds - 1;
    // The times between them stay: the tuner changes a step's schedule before it reads them.
    long at = record(program, index);
    machine.memory().writeInts(at, words, 0, StepRecord.START / 4);
    int args = StepRecord.ARGS / 4;
    machine.memory().writeInts(at + StepRecord.ARGS, words, args, words.length - args);
  }

  /** Some pieces a thread, so that one that is descheduled delays little; none that is tiny. */
  private long grain(long items, long unit) {
    int threads = machine.threads();
    long least = (SMALL + Math.max(1, unit) - 1) / Math.max(1, unit);
    long pieces = threads * 12L;
    return threads == 1 ? items : Math.max(least, (items + pieces - 1) / pieces);
  }

  private static long record(Program program, int step) {
    return program.address() + (long) step * StepRecord.SIZE;
  }

  // --- schedules ---

  private static String key(String signature, RowBucket bucket) {
    return signature + " @ " + bucket.label();
  }

  private Schedule schedule(
      String signature,
      KernelSpec.Matmul kernel,
      RowBucket bucket,
      Work.Blocks work,
      Map<String, Long> symbols) {
    Schedule chosen = adopted.get(key(signature, bucket));
    if (chosen != null) {
      return chosen;
    }
    int k = kernel.k() > 0 ? kernel.steps() : 64;
    int n = kernel.n() > 0 ? kernel.n() : columns(work.columns().evaluate(symbols));
    return heuristic(k, n, bucket, kernel.format());
  }

  /** Rounded up so that a sequence that gets longer step by step seldom brings other kernels. */
  private static int columns(long columns) {
    int rounded = 4;
    while (rounded < columns && rounded < 1 << 30) {
      rounded *= 2;
    }
    return rounded;
  }

  /** The heuristic weighs all tiles: its answers are kept. */
  Schedule heuristic(int k, int n, RowBucket bucket, WeightFormat format) {
    return heuristics.computeIfAbsent(
        format.label() + k + "x" + n + " @ " + bucket.label(),
        key ->
            format.quantised() && bucket.most() <= 8
                ? Heuristic.few(
                    k, n, bucket, machine.features(), limits.l2Bytes(), machine.threads())
                : Heuristic.schedule(
                    k,
                    n,
                    bucket,
                    machine.features(),
                    format.registers(limits.registers()),
                    limits.l2Bytes(),
                    machine.threads()));
  }

  // --- what the tuner's view needs ---

  KernelTable table() {
    return table;
  }

  Workspace space() {
    return space;
  }

  Program current() {
    return current;
  }

  /** The first address behind everything that a run touches: free for measurements between runs. */
  public long end() {
    return space.end();
  }

  /**
   * The address from which on memory holds nothing between runs, once the outputs have been read:
   * what is written there, the next run may overwrite.
   */
  public long between() {
    return space.arenaAt();
  }

  Schedule adopted(String signature, RowBucket bucket) {
    return adopted.get(key(signature, bucket));
  }

  void adopt(KernelSpec.Matmul kernel, RowBucket bucket, Schedule schedule) {
    String signature = kernel.signature();
    table.install(List.of(new Wanted(kernel, signature, schedule)));
    adopted.put(key(signature, bucket), schedule);
    for (Program program : written()) {
      for (int i = 0; i < program.schedules().length; i++) {
        if (signatures[i].equals(signature) && program.bucket(i) == bucket) {
          setSchedule(program, i, schedule);
        }
      }
    }
  }

  void setSchedule(Program program, int step, Schedule schedule) {
    program.schedules()[step] = schedule;
    write(program, step);
  }

  /** Whether a step of any program, or an adoption, uses the code that a schedule compiles to. */
  boolean uses(String signature, Schedule schedule) {
    String code = MatmulKernel.compiled(schedule);
    for (Map.Entry<String, Schedule> entry : adopted.entrySet()) {
      if (entry.getKey().startsWith(signature + " @")
          && MatmulKernel.compiled(entry.getValue()).equals(code)) {
        return true;
      }
    }
    for (Program program : written()) {
      for (int i = 0; i < program.schedules().length; i++) {
        if (signatures[i].equals(signature)
            && MatmulKernel.compiled(program.schedules()[i]).equals(code)) {
          return true;
        }
      }
    }
    return false;
  }

  /** Switches the clock on or off in the records of all programs. */
  public void timeSteps(boolean on) {
    timing = on;
    for (Program program : written()) {
      for (int i = 0; i < plan.steps().size(); i++) {
        machine.memory().putInt(record(program, i) + StepRecord.FLAGS, on ? StepRecord.TIMED : 0);
      }
    }
  }

  /** Milliseconds that a step took in the last timed run; negative if none timed it. */
  public double stepMilliseconds(int step) {
    long record = record(bound(), step);
    double end = machine.memory().getDouble(record + StepRecord.END);
    double start = machine.memory().getDouble(record + StepRecord.START);
    // Clocks of two threads may differ: a step that does nothing has ended 60 ns before it began.
    return end == 0 ? -1 : Math.max(0, end - start);
  }

  /** Floating-point operations of a step of the bound run. */
  public double stepFlops(int step) {
    return plan.steps().get(step).flops().evaluate(bound().symbols());
  }

  /** The sizes of the bound run. */
  Map<String, Long> symbols() {
    return bound().symbols();
  }

  /** The schedule of a matmul step of the bound run, null for other steps. */
  public Schedule stepSchedule(int step) {
    return bound().schedules()[step];
  }
}
