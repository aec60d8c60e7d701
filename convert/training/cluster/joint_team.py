"""Several machines that train together by the collectives of ``tf.distribute.MultiWorkerMirroredStrategy``.

Each machine has the whole network as ordinary variables, computes the gradients of its rows of each joint batch, and applies
the sum of all. Keras' own ``fit`` is not used, which fails under this strategy (keras#20585).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from edgevision.errors import BadInput, RemoteUnreachable
from edgevision.log import Log

from ... import backend
from .team import Team
from .tf_config import Cluster

if TYPE_CHECKING:
    import numpy.typing as npt

    from .team import Array, Indices, Report, Trainable

    Share = tuple[Array, Array, Array, npt.NDArray[np.float32]]
    """Images, targets, weights, and 1 for each image that counts."""

log = Log("edgevision.train")
CHUNK = 2**18
"""Largest number of values in one collective operation."""
SMALLEST = 16
"""Smallest, to which fewer values are padded: a function is compiled for each power of two."""


class JointTeam(Team):
    """Several machines, all of which call the same methods in the same order."""

    def __init__(self, cluster: Cluster) -> None:
        """Connect the machines, all of which must be ready. Raises BadInput."""
        tf = backend.tensorflow()
        gpus = tf.config.list_physical_devices("GPU")
        if len(gpus) > 1:
            raise BadInput(
                f"this process sees {len(gpus)} GPUs, but with TF_CONFIG each process trains on one; start one for each GPU, "
                "with its own CUDA_VISIBLE_DEVICES and its own place in TF_CONFIG"
            )
        self.rank, self.size = cluster.rank, len(cluster.addresses)
        self._cluster = cluster
        with backend.quiet():
            self._strategy = tf.distribute.MultiWorkerMirroredStrategy()
        self._sum = tf.function(self._summed, autograph=False)
        self._model: Any = None
        self._step: Any = None
        log.info("machine %d of %d, chief %s", self.rank + 1, self.size, cluster.addresses[0])

    def decide(self, value: bool) -> bool:
        """Return the chief's value."""
        return self.number(float(value)) > 0.5

    def number(self, value: float) -> float:
        """Return the chief's number."""
        return float(self.share([np.array([value], np.float64)])[0][0])

    def clock(self, clock: Callable[[], float]) -> Callable[[], float]:
        """Return the chief's clock."""
        return lambda: self.number(clock())

    def share(self, arrays: list[Array]) -> list[Array]:
        """Return the chief's arrays."""
        values = np.concatenate([np.asarray(one, np.float64).ravel() for one in arrays] or [np.empty(0)])
        values = self.total(values if self.is_chief else np.zeros_like(values))
        parts = np.split(values, np.cumsum([one.size for one in arrays])[:-1])
        return [part.reshape(one.shape).astype(one.dtype) for part, one in zip(parts, arrays, strict=True)]

    def share_bytes(self, data: bytes) -> bytes:
        """Return the chief's bytes."""
        size = int(self.number(len(data)))
        words = np.zeros(-(-size // 4), np.int32)
        if self.is_chief:
            words.view(np.uint8)[:size] = np.frombuffer(data, np.uint8)
        return self.share([words])[0].tobytes()[:size]

    def total(self, array: Array) -> Array:
        """Return the sum of the arrays of all machines, exact for what is zero on all but one."""
        found = np.empty(array.size, array.dtype)
        flat = array.reshape(-1)
        for at in range(0, array.size, CHUNK):
            part = flat[at : at + CHUNK].astype(np.float64)
            padded = np.zeros(max(SMALLEST, 1 << (len(part) - 1).bit_length()))
            padded[: len(part)] = part
            found[at : at + CHUNK] = self._sum(backend.tensorflow().constant(padded)).numpy()[: len(part)]
        return found.reshape(array.shape)

    def rows(self, count: int, compute: Callable[[Indices], Array]) -> Array:
        """Return ``compute`` of the rows 0 to ``count``."""
        own = np.arange(count)[self.rank :: self.size]
        computed = compute(own)
        found = np.zeros((count, *computed.shape[1:]), computed.dtype)
        found[own] = computed
        return self.total(found)

    def fit(self, phase: Trainable, order: Indices, report: Report) -> tuple[float, float]:
        """Train on the examples of a phase in this order; each joint batch is shared among the machines."""
        tf = backend.tensorflow()
        if self._model is not phase.model:
            self._model, self._step = phase.model, self._compiled(phase)
        size, done, loss, right = phase.source.size, 0, 0.0, 0.0
        joints = [order[at : at + size] for at in range(0, len(order), size)]
        for joint, share in zip(joints, _ahead(lambda one: self._share(phase, one), joints), strict=True):
            sums = self._step(*map(tf.constant, share), tf.constant(float(len(joint))))
            done, loss, right = done + len(joint), loss + float(sums[0]), right + float(sums[1])
            report(loss / done, right / done)
        return loss / max(1, done), right / max(1, done)

    def _share(self, phase: Trainable, joint: Indices) -> Share:
        """Load this machine's images of a joint batch; one that does not count if there are fewer images than machines."""
        own = joint[self.rank :: self.size]
        images, targets, weights = phase.source.load(own if len(own) else joint[:1])
        counts = np.full(len(targets), float(len(own) > 0), np.float32)
        return images, targets, weights * counts, counts

    def _compiled(self, phase: Trainable) -> Any:
        """Return the compiled training step: this machine's share and the size of the joint batch -> sums."""
        tf = backend.tensorflow()
        model, loss, accuracy = phase.model, phase.loss, phase.accuracy
        variables = model.trainable_variables

        def replica(images: Any, targets: Any, weights: Any, counts: Any, joint: Any) -> Any:
            with tf.GradientTape() as tape:
                logits = model(images, training=True)
                found = tf.reduce_sum(loss(targets, logits) * weights)
                mean = found / joint
            right = tf.reduce_sum(accuracy(targets, logits) * counts)
            context = tf.distribute.get_replica_context()
            return context.all_reduce("SUM", [*tape.gradient(mean, variables), found, right])

        def step(*values: Any) -> Any:
            *gradients, found, right = self._strategy.run(replica, args=values)
            model.optimizer.apply_gradients(zip(gradients, variables, strict=True))
            return found, right

        shapes = [one.shape[1:] for one in (model.input, model.output)]
        signature = [tf.TensorSpec((None, *shape), tf.float32) for shape in (*shapes, (), ())]
        return tf.function(step, autograph=False, input_signature=[*signature, tf.TensorSpec((), tf.float32)])

    def _summed(self, values: Any) -> Any:
        tf = backend.tensorflow()

        def replica(own: Any) -> Any:
            # The copy is made on the device of the replica, which all_reduce needs to know.
            return tf.distribute.get_replica_context().all_reduce("SUM", tf.identity(own))

        return self._strategy.run(replica, args=(values,))

    @contextmanager
    def lost_as_error(self) -> Iterator[None]:
        """Turn the failure of another machine into RemoteUnreachable."""
        errors = backend.tensorflow().errors
        try:
            yield
        except (
            errors.UnavailableError,
            errors.AbortedError,
            errors.CancelledError,
            errors.DeadlineExceededError,
        ) as error:
            raise RemoteUnreachable(
                f"{self._lost(str(error))} ended or cannot be reached; see its output, then go on with edgevision train "
                f"--resume {self.folder} on all machines"
            ) from None

    def _lost(self, message: str) -> str:
        """Return the name of the machine that a message of TensorFlow calls unhealthy."""
        found = re.search(r"unhealthy.*?/job:(\w+)/(?:replica:\d+/)?task:(\d+)", message, re.DOTALL)
        if found is None:
            return "a machine of this training"
        return self._cluster.name(self._cluster.rank_of(found[1], int(found[2])))


def _ahead(load: Callable[[Indices], Share], joints: list[Indices]) -> Iterator[Share]:
    """Yield what ``load`` returns for each joint batch, loading the next one in the meantime."""
    with ThreadPoolExecutor(1) as pool:
        coming = [pool.submit(load, one) for one in joints[:1]]
        for following in (*joints[1:], None):
            found = coming.pop().result()
            if following is not None:
                coming.append(pool.submit(load, following))
            yield found
