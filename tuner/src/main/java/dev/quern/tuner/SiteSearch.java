package dev.quern.tuner;

import dev.quern.kernel.MatmulKernel;
import dev.quern.runtime.MachineException;
import dev.quern.runtime.TunableModel;
import dev.quern.schedule.RowBucket;
import dev.quern.schedule.Schedule;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The search for one kernel and bucket. Candidates are taken from the queue some at a time and
 * prepared in small pieces (see {@link Preparation}); those that are ready run in some layers while
 * the others run the incumbent, in inferences and in rounds of idle slices alike, until each {@link
 * Contest} is decided.
 */
final class SiteSearch {
  /** Samples of the incumbent against itself that contests need. */
  private static final int NOISE_SAMPLES = 5;

  /** Rounds in which the incumbent has to be no faster than before: the engine has optimised it. */
  private static final int SETTLED = 2;

  /** Candidates that are prepared, and that are timed, at once. */
  private static final int MOST_AT_ONCE = 3;

  /** Steps of the clock that a sample lasts at least. */
  private static final int CLOCK_STEPS = 50;

  /** A clock with longer steps than this: Firefox's where pages are not isolated. */
  private static final double COARSE = 0.0005;

  private static final int PROBE_CLOCK_STEPS = 10;

  /** Runs of a round of an idle slice, where there are fewer layers. */
  private static final int LEAST_SLOTS = 4;

  /** The longest that one side of a pair is repeated without a break, for a coarse clock. */
  private static final double LONGEST_SIDE = 0.005;

  /** A step that takes longer than this does not fit an idle slice: inferences alone time it. */
  private static final double TOO_LONG = 0.04;

  private final TunableModel model;
  private final TunableModel.Kernel kernel;
  private final RowBucket bucket;
  private final double clockSeconds;
  private final double sampleSeconds;
  private final int patience;
  private final List<Schedule> queue;
  private final Verdicts verdicts;
  private final Preparation.Probe probe;

  private final List<Preparation> preparing = new ArrayList<>();
  private final List<Contest> ready = new ArrayList<>();
  private final List<Contest> contests = new ArrayList<>();
  private final Samples noise = new Samples(15);
  private final Samples incumbentSeconds = new Samples(15);
  private final Pairing noisePair = new Pairing();

  private Schedule incumbent;
  private Check check;
  private boolean done;
  private TunableModel.Site site;

  /** Seconds of the incumbent in the last round; NaN if there was none at these sizes. */
  private double reference = Double.NaN;

  private double bestReference = Double.MAX_VALUE;
  private int settled;
  private int turn;

  /** Who runs in which layer of the inference under way; null where the incumbent does. */
  private Contest[] live = new Contest[0];

  /**
   * The same of a round of idle slices, which of its runs comes next, and how often each is run.
   */
  private Contest[] round;

  private double[] roundSeconds = new double[0];
  private int position;
  private int times;

  private int tried;
  private int fruitless;
  private int samples;
  private double spent;

  /** What a search tells its tuner. */
  interface Verdicts {
    /** A candidate has won: it is adopted already. */
    void won(SiteSearch search, Schedule previous, double ratio);

    /** A candidate was wrong or could not be installed. */
    void refused(SiteSearch search, Schedule schedule, String reason);

    /** A schedule is not used by this search any more: its code may be given free. */
    void released(SiteSearch search, Schedule schedule);

    /** Nothing is left to try. */
    void finished(SiteSearch search);
  }

  /**
   * @param queue candidates in order
   * @param clockSeconds the step of the clock
   * @param patience candidates in a row that may fail before the search ends
   */
  SiteSearch(
      TunableModel model,
      TunableModel.Kernel kernel,
      RowBucket bucket,
      List<Schedule> queue,
      double clockSeconds,
      int patience,
      Verdicts verdicts) {
    this.model = model;
    this.kernel = kernel;
    this.bucket = bucket;
    this.queue = new ArrayList<>(queue);
    this.clockSeconds = clockSeconds;
    this.sampleSeconds = CLOCK_STEPS * clockSeconds;
    this.patience = patience;
    this.verdicts = verdicts;
    this.incumbent = model.schedule(kernel, bucket);
    this.probe = new Preparation.Probe(bucket.most(), PROBE_CLOCK_STEPS * clockSeconds);
  }

  TunableModel.Kernel kernel() {
    return kernel;
  }

  RowBucket bucket() {
    return bucket;
  }

  Schedule incumbent() {
    return incumbent;
  }

  boolean done() {
    return done;
  }

  /** Candidates that were taken so far. */
  int tried() {
    return tried;
  }

  /** Candidates that are still waiting or under way. */
  int left() {
    return done ? 0 : (more() ? queue.size() : 0) + underWay();
  }

  private int underWay() {
    return preparing.size() + ready.size() + contests.size();
  }

  private boolean more() {
    return !queue.isEmpty() && fruitless < patience;
  }

  /** Whether work will come up by itself: the engine is optimising what was begun. */
  boolean waits() {
    return !preparing.isEmpty();
  }

  /** Paired samples taken so far, all candidates together. */
  int samples() {
    return samples;
  }

  /** Median wall seconds of one step with the incumbent; NaN if it was not measured. */
  double seconds() {
    return incumbentSeconds.count() == 0 ? Double.NaN : incumbentSeconds.median();
  }

  /** Puts a schedule before all others; ends a rest. */
  void suggest(Schedule schedule) {
    if (schedule.equals(incumbent) || flies(schedule)) {
      return;
    }
    queue.remove(schedule);
    queue.add(0, schedule);
    fruitless = 0;
    if (done) {
      done = false;
      spent = 0;
    }
  }

  /** The incumbent was changed from outside, by a record. */
  void incumbentChanged(Schedule schedule) {
    queue.remove(schedule);
    serve(schedule);
  }

  /** Counts idle seconds; the search ends when it has had its share of them. */
  void spend(double seconds, double most) {
    spent += seconds;
    if (spent >= most) {
      stop();
    }
  }

  /** Ends the search; what it has found stays. */
  void stop() {
    if (!done) {
      List<Schedule> dropped = new ArrayList<>();
      preparing.forEach(preparation -> dropped.add(preparation.schedule()));
      ready.forEach(contest -> dropped.add(contest.schedule()));
      contests.forEach(contest -> dropped.add(contest.schedule()));
      preparing.clear();
      ready.clear();
      contests.clear();
      dropped.forEach(schedule -> verdicts.released(this, schedule));
      finish();
    }
  }

  /**
   * Does one piece of work outside an inference.
   *
   * @param now the site's steps in the present program
   * @param slack seconds that are left
   * @param idle whether steps may be run: nothing waits for an answer
   * @return false if there is nothing to do now that fits
   */
  boolean piece(TunableModel.Site now, double slack, boolean idle) {
    arrive(now);
    if (done) {
      return false;
    }
    double time = model.now();
    for (Preparation preparation : preparing) {
      if (preparation.due(time)) {
        prepare(preparation);
        return true;
      }
    }
    if (preparing.isEmpty() && ready.size() < atOnce() && more()) {
      take();
      return true;
    }
    if (underWay() == 0 && !more()) {
      finish();
      return false;
    }
    return idle && turn(slack);
  }

  private int atOnce() {
    return Math.max(1, Math.min(MOST_AT_ONCE, site.steps().size() / 2));
  }

  private void arrive(TunableModel.Site now) {
    if (!now.equals(site)) {
      // Other shapes: a pair must not mix them, and a step takes another time.
      site = now;
      reference = Double.NaN;
      bestReference = Double.MAX_VALUE;
      round = null;
      noisePair.clear();
      contests.forEach(Contest::interrupt);
    }
  }

  // --- preparing ---

  private void take() {
    List<Schedule> taken = new ArrayList<>();
    while (taken.size() < atOnce() && !queue.isEmpty()) {
      taken.add(queue.remove(0));
    }
    tried += taken.size();
    try {
      model.install(kernel, taken);
    } catch (MachineException | IllegalArgumentException together) {
      taken.removeIf(schedule -> !installs(schedule));
    }
    if (check == null) {
      check = new Check(kernel, Check.Demands.WASM);
    }
    for (Schedule schedule : taken) {
      preparing.add(new Preparation(model, kernel, schedule, check.start(schedule)));
    }
  }

  private boolean installs(Schedule schedule) {
    try {
      model.install(kernel, schedule);
      return true;
    } catch (MachineException | IllegalArgumentException failed) {
      fruitless++;
      verdicts.refused(this, schedule, "cannot be installed: " + failed.getMessage());
      return false;
    }
  }

  private void prepare(Preparation preparation) {
    preparation.step(probe, incumbent);
    Schedule schedule = preparation.schedule();
    if (preparation.reason() != null) {
      preparing.remove(preparation);
      refuse(schedule, preparation.reason());
    } else if (preparation.slow()) {
      preparing.remove(preparation);
      dropTile(schedule);
      drop(schedule);
    } else if (preparation.ready()) {
      preparing.remove(preparation);
      ready.add(new Contest(schedule));
    }
  }

  private void refuse(Schedule schedule, String reason) {
    drop(schedule);
    verdicts.refused(this, schedule, reason);
  }

  /** Lets go of a candidate that is in no list any more. */
  private void drop(Schedule schedule) {
    fruitless++;
    verdicts.released(this, schedule);
  }

  /** Whether the search runs the code that a schedule compiles to. */
  boolean runs(Schedule schedule) {
    String code = MatmulKernel.compiled(schedule);
    boolean runs = MatmulKernel.compiled(incumbent).equals(code);
    for (Schedule other : flying()) {
      runs |= MatmulKernel.compiled(other).equals(code);
    }
    return runs;
  }

  private List<Schedule> flying() {
    List<Schedule> list = new ArrayList<>();
    preparing.forEach(preparation -> list.add(preparation.schedule()));
    ready.forEach(contest -> list.add(contest.schedule()));
    contests.forEach(contest -> list.add(contest.schedule()));
    return list;
  }

  private boolean flies(Schedule schedule) {
    return flying().contains(schedule);
  }

  private void dropTile(Schedule slow) {
    queue.removeIf(schedule -> schedule.mr() == slow.mr() && schedule.nr() == slow.nr());
  }

  private void finish() {
    done = true;
    check = null;
    queue.clear();
    round = null;
    verdicts.finished(this);
  }

  // --- timing ---

  /** Lets prepared candidates in, once the incumbent's own times can be trusted. */
  private void promote() {
    if (noise.count() < NOISE_SAMPLES || settled < SETTLED) {
      return;
    }
    while (contests.size() < atOnce() && !ready.isEmpty()) {
      contests.add(ready.remove(0));
    }
  }

  /**
   * Who runs where in the next round: at most every other run is a candidate's, and each comes to
   * each place in turn. Where there is one place only, incumbent and candidates take turns in it.
   */
  private Contest[] assign(int places) {
    Contest[] who = new Contest[places];
    if (contests.isEmpty()) {
      return who;
    }
    if (places == 1) {
      who[0] = turn % 2 == 0 ? null : contests.get(turn / 2 % contests.size());
      return who;
    }
    int count = Math.min(contests.size(), places / 2);
    for (int i = 0; i < count; i++) {
      who[(turn + 2 * i) % places] = contests.get((turn + i) % contests.size());
    }
    return who;
  }

  /** Puts candidates into layers of the coming inference. */
  void beforeRun(TunableModel.Site now) {
    arrive(now);
    round = null;
    live = new Contest[0];
    if (done) {
      return;
    }
    promote();
    live = assign(now.steps().size());
    for (int i = 0; i < live.length; i++) {
      if (live[i] != null) {
        model.setSchedule(now.steps().get(i), live[i].schedule());
      }
    }
  }

  /**
   * Takes the times of an inference and puts the incumbent back.
   *
   * @param complete false if the inference was cancelled or failed
   */
  void afterRun(TunableModel.Site now, boolean complete) {
    Contest[] who = live;
    live = new Contest[0];
    for (int i = 0; i < who.length; i++) {
      if (who[i] != null) {
        model.setSchedule(now.steps().get(i), incumbent);
      }
    }
    if (!complete || done || who.length == 0) {
      return;
    }
    double[] seconds = new double[who.length];
    for (int i = 0; i < seconds.length; i++) {
      seconds[i] = model.stepSeconds(now.steps().get(i));
      if (Double.isNaN(seconds[i])) {
        return;
      }
    }
    complete(who, seconds, 1);
  }

  /** One run of a round of idle slices. */
  private boolean turn(double slack) {
    if (reference > TOO_LONG) {
      return false;
    }
    int layers = site.steps().size();
    double aim = Math.min(sampleSeconds, LONGEST_SIDE);
    if (round == null) {
      promote();
      if (contests.isEmpty() && noise.count() >= NOISE_SAMPLES && settled >= SETTLED) {
        return false;
      }
      round = assign(Math.max(layers, LEAST_SLOTS));
      roundSeconds = new double[round.length];
      position = 0;
      times =
          Double.isNaN(reference)
              ? 1
              : (int) Math.max(1, Math.min(1000, Math.ceil(aim / Math.max(reference, 1e-7))));
    }
    if (!Double.isNaN(reference) && times * reference > slack) {
      return false;
    }
    Contest contest = round[position];
    int step = site.steps().get(position % layers);
    try {
      if (contest != null) {
        model.setSchedule(step, contest.schedule());
      }
      roundSeconds[position++] = model.runStep(step, times);
    } catch (MachineException failed) {
      if (contest == null) {
        throw failed;
      }
      round = null;
      contests.remove(contest);
      refuse(contest.schedule(), "fails on the model's data: " + failed.getMessage());
    } finally {
      model.setSchedule(step, incumbent);
    }
    if (round != null && position == round.length) {
      Contest[] who = round;
      round = null;
      complete(who, roundSeconds, times);
    }
    return true;
  }

  /** Takes the seconds of a round, each of so many runs. */
  private void complete(Contest[] who, double[] seconds, int runs) {
    double[] own = new double[seconds.length];
    int count = 0;
    for (int i = 0; i < who.length; i++) {
      if (who[i] == null) {
        own[count++] = seconds[i];
      }
    }
    double before = reference * runs;
    double now = count == 0 ? before : center(own, count, -1);
    if (count > 0) {
      selfCompare(own, count, before, now, runs);
      reference = Math.max(now / runs, clockSeconds / 4);
      settled = reference > 0.9 * bestReference ? settled + 1 : 0;
      bestReference = Math.min(bestReference, reference);
      if (settled > 0) {
        incumbentSeconds.add(reference);
      }
    }
    turn++;
    if (!Double.isNaN(now)) {
      List<Contest> open = new ArrayList<>();
      for (int i = 0; i < who.length; i++) {
        if (who[i] != null && who[i].add(seconds[i], now, runs, sampleSeconds)) {
          samples++;
          open.add(who[i]);
        }
      }
      judge(open);
    }
  }

  /**
   * The middle of the incumbent's times: one run that was disturbed must not count. Where the clock
   * is too coarse for that, the mean.
   *
   * @param without an index that is left out; -1 for none
   */
  private double center(double[] own, int count, int without) {
    double[] others = new double[count];
    int kept = 0;
    double sum = 0;
    for (int i = 0; i < count; i++) {
      if (i != without) {
        others[kept++] = own[i];
        sum += own[i];
      }
    }
    if (sum / kept < sampleSeconds) {
      return sum / kept;
    }
    others = Arrays.copyOf(others, kept);
    Arrays.sort(others);
    return kept % 2 == 1 ? others[kept / 2] : (others[kept / 2 - 1] + others[kept / 2]) / 2;
  }

  /** The incumbent against itself: one of its runs against the others, or the run before. */
  private void selfCompare(double[] own, int count, double before, double now, int runs) {
    if (count == 1) {
      if (!Double.isNaN(before) && before > 0) {
        noisePair.add(now, before, runs);
        if (noisePair.lasted(sampleSeconds)) {
          noise.add(noisePair.logRatio());
          noisePair.clear();
        }
      }
    }
    // Before contests begin, several pairs a round.
    int pairs = count == 1 ? 0 : contests.isEmpty() ? count / 2 : 1;
    for (int i = 0; i < pairs; i++) {
      int one = (turn + 2 * i) % count;
      noisePair.add(own[one], center(own, count, one), runs);
      if (noisePair.lasted(sampleSeconds)) {
        noise.add(noisePair.logRatio());
        noisePair.clear();
      }
    }
  }

  private void judge(List<Contest> open) {
    Contest winner = null;
    for (Contest contest : open) {
      switch (contest.judge(noise, clockSeconds > COARSE)) {
        case OPEN -> {}
        case HOPELESS -> {
          contests.remove(contest);
          dropTile(contest.schedule());
          drop(contest.schedule());
        }
        case DROPPED -> {
          contests.remove(contest);
          drop(contest.schedule());
        }
        case WON -> winner = winner == null || contest.gain() > winner.gain() ? contest : winner;
      }
    }
    if (winner != null) {
      win(winner);
    }
    if (underWay() == 0 && !more()) {
      finish();
    }
  }

  private void win(Contest winner) {
    Schedule previous = incumbent;
    contests.remove(winner);
    model.adopt(kernel, bucket, winner.schedule());
    double seconds = winner.seconds();
    serve(winner.schedule());
    verdicts.released(this, previous);
    reference = seconds;
    incumbentSeconds.add(seconds);
    fruitless = 0;
    // Its own variants are now the likeliest.
    List<Schedule> likely = new ArrayList<>(queue);
    likely.removeIf(schedule -> schedule.mr() != incumbent.mr() || schedule.nr() != incumbent.nr());
    queue.removeAll(likely);
    queue.addAll(0, likely);
    verdicts.won(this, previous, winner.gain());
  }

  /** Another schedule serves from now on: what was compared with the old one begins anew. */
  private void serve(Schedule schedule) {
    incumbent = schedule;
    incumbentSeconds.clear();
    reference = Double.NaN;
    bestReference = Double.MAX_VALUE;
    round = null;
    contests.forEach(Contest::restart);
  }
}
