"""Classifiers and their hyper-parameters on scikit-learn's handwritten digits."""

import contextlib
import csv
import json
import os
import pathlib
import statistics

from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score, train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

import jor

CLASSIFIERS = {
    # With whole grey values many distances are equal; the brute search that is the default here settles such
    # ties differently with each number of threads.
    "knn": KNeighborsClassifier(algorithm="ball_tree"),
    "logistic_regression": LogisticRegression(max_iter=1000),
    "random_forest": RandomForestClassifier(),
    "svm": SVC(),
}


class Jobs(jor.JobsBase):
    name = "digits"
    time = "0-00:10:00"
    mem = "1G"
    cpus_per_task = 1

    def __init__(self, classifier, seeds=range(5), n_splits=5, path_prefix=".", **grid):
        """Try each combination of hyper-parameters, given as lists: gamma=[0.05, 0.1], C=[1, 10].

        The first is the plot's x axis, so it takes numbers above 0; the others may be anything.
        """
        super().__init__(path_prefix=path_prefix)
        if classifier not in CLASSIFIERS:
            raise ValueError(f"classifier={classifier!r} is none of {', '.join(CLASSIFIERS)}")
        if not grid:
            raise ValueError("no hyper-parameter is given; one at least is needed, such as C=[1, 10]")
        self.classifier = classifier
        self.seeds = seeds
        self.n_splits = int(n_splits)
        self.grid = grid
        # A misspelt hyper-parameter is refused here, once, and not by every job.
        clone(CLASSIFIERS[classifier]).set_params(**grid)
        self._mk_jobs()

    def _mk_jobs(self):
        # All classifiers and settings get the same seeds, hence the same splits: differences are paired.
        self._jobs = jor.grid(**self.grid, seed=self.seeds)

    def _get_output_folder(self):
        # The grid and the seeds are not part of the folder's name but of the files' names: when a list in
        # todo.yaml grows, the outputs that exist still count, and only the new jobs run.
        return str(pathlib.Path(self.path_prefix) / f"digits_{self.classifier}_{self.n_splits}fold")

    def _get_output_fname(self, seed, **params):
        return "_".join(f"{key}{value}" for key, value in params.items()) + f"_seed{seed}.json"

    def execute(self, i):
        job = self._jobs[i]
        seed = job["seed"]
        params = {key: value for key, value in job.items() if key != "seed"}

        model = clone(CLASSIFIERS[self.classifier]).set_params(**params)
        if "random_state" in model.get_params():
            model.set_params(random_state=seed)

        X, y = load_digits(return_X_y=True)
        X = X / 16  # grey values are 0 to 16; a constant, so nothing is learned from test images
        X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.5, stratify=y, random_state=seed)

        # Cross-validation chooses the setting; the test images, which it never sees, tell how good the choice is.
        folds = StratifiedKFold(self.n_splits, shuffle=True, random_state=seed)
        cv_accuracy = cross_val_score(model, X_train, y_train, cv=folds).mean()
        test_accuracy = model.fit(X_train, y_train).score(X_test, y_test)

        result = {
            "classifier": self.classifier,
            "params": params,
            "seed": seed,
            "cv_accuracy": float(cv_accuracy),
            "test_accuracy": float(test_accuracy),
        }
        with open(self._get_output_path(**job), "w") as f:
            json.dump(result, f)

    def collect(self):
        """Make one table and one plot of the whole sweep.

        jor calls this once for each entry of todo.yaml. The entries share the two files, so each call makes
        them from the outputs of all entries that are there, and the last call has them all.
        """
        folder = pathlib.Path(self.path_prefix)
        paths = folder.glob(f"digits_*_{self.n_splits}fold/*.json")
        results = [json.loads(path.read_text()) for path in paths]
        results.sort(key=lambda result: (result["classifier"], _text(result["params"]), result["seed"]))

        with _replacing(folder / f"digits_{self.n_splits}fold.csv") as path:
            _write_table(results, path)
        with _replacing(folder / f"digits_{self.n_splits}fold.png") as path:
            _write_plot(results, path)


def _write_table(results, path):
    with open(path, "w", newline="") as f:
        table = csv.writer(f, lineterminator="\n")
        table.writerow(["classifier", "params", "seed", "cv_accuracy", "test_accuracy"])
        for result in results:
            accuracies = [f"{result[key]:.4f}" for key in ("cv_accuracy", "test_accuracy")]
            table.writerow([result["classifier"], _text(result["params"]), result["seed"], *accuracies])


def _write_plot(results, path):
    # Imported here because the jobs do not need it. Figure, unlike pyplot, never asks for a display.
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator

    matplotlib.rcdefaults()  # the same picture whatever the user's matplotlibrc says
    # One panel for each classifier, or more if it was tried with other hyper-parameters as well.
    sweeps = _grouped(results, lambda result: (result["classifier"], *result["params"]))
    fig = Figure(figsize=(3.2 * len(sweeps), 4), layout="constrained")
    # Errors on a logarithmic axis: 98 % and 99 % right are as far apart as 90 % and 95 %.
    panels = fig.subplots(1, len(sweeps), sharey=True, squeeze=False, subplot_kw={"yscale": "log"})[0]
    for ax, ((classifier, *_), runs) in zip(panels, sweeps.items(), strict=True):
        _plot_settings(ax, runs)
        mean, sd = _mean_and_sd(_test_errors_of_choice(runs))
        ax.set_title(f"{classifier.replace('_', ' ')}\ntest error {100 * mean:.1f} ± {100 * sd:.1f} %")
    panels[0].set_ylabel("cross-validated error (mean ± s.d. over seeds)")
    panels[0].yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    panels[0].yaxis.set_major_formatter(lambda error, _: f"{100 * error:g} %")
    fig.savefig(path, format="png", dpi=150, metadata={"Software": None})  # no version in the file


def _plot_settings(ax, runs):
    """Draw the error over the first hyper-parameter, one line for each value of the others."""
    x_name, *others = runs[0]["params"]
    for label, line in _grouped(runs, lambda run: _text({key: run["params"][key] for key in others})).items():
        points = _grouped(line, lambda run: run["params"][x_name])
        xs = sorted(points)
        means, sds = zip(*(_mean_and_sd([1 - run["cv_accuracy"] for run in points[x]]) for x in xs), strict=True)
        ax.errorbar(xs, means, sds, marker="o", markersize=4, capsize=3, label=label)
    ticks = sorted({run["params"][x_name] for run in runs})
    ax.set_xscale("log")
    ax.set_xticks(ticks, labels=[str(x) for x in ticks])
    ax.minorticks_off()
    ax.set_xlabel(x_name)
    ax.grid(alpha=0.3)
    if others:
        ax.legend()


def _test_errors_of_choice(runs):
    """For each seed, the test error of the setting that has the best cross-validation there.

    The choice is made seed by seed because the test images of one seed are training images of another.
    """
    by_seed = _grouped(runs, lambda run: run["seed"]).values()
    return [1 - max(candidates, key=lambda run: run["cv_accuracy"])["test_accuracy"] for candidates in by_seed]


def _mean_and_sd(values):
    return statistics.mean(values), statistics.stdev(values) if len(values) > 1 else float("nan")


def _grouped(items, key):
    groups = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups


def _text(params):
    return " ".join(f"{key}={value}" for key, value in params.items())


@contextlib.contextmanager
def _replacing(path):
    """Give a temporary path, then rename it to `path`: readers see the old file or the new, never half of one."""
    temporary = f"{path}.{os.getpid()}.tmp"
    yield temporary
    os.replace(temporary, path)
