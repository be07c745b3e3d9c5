"""Which of TensorFlow's ops may stand in a graph of unknown origin, and where (in a child).

An op without state only computes, unless it is of a kind that reads or writes something outside of
the graph. Of ops with state, those that are named here are harmless. Whatever is not named is
refused, so an op that a newer TensorFlow adds is refused until somebody has looked at it.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Any

REACHING_OUT = re.compile(
    r"_.*|.*(File|Dataset|Iterator|Snapshot|PyFunc|Debug|Proto|Dtensor|DTensor|TPU|Tpu|Mlir).*"
    r"|Reader.*|Xla.*|Experimental.*|GenerateVocabRemapping|ImmutableConst|Copy|CopyHost|HostConst"
    r"|BatchFunction|CustomAggregator|Abort|SymbolicGradient"
)
"""Ops without state that reach out of the graph all the same: into files (``ReadFile``,
``ImmutableConst``, ``CacheDataset``, the descriptors of ``DecodeProtoV2``), the network
(``DebugIdentity``, ``RegisterDataset``), Python (``PyFuncStateless``), other compilers and their
callbacks (``XlaCustomCall``); into graphs that are stored as text (``DatasetFromGraph``); and
``Abort``, which ends the process. Names with an underscore are TensorFlow's own, and no model's."""

KEEPING_STATE = re.compile(
    # Calls and branches, whose functions are looked at as well.
    r"StatefulPartitionedCall|If|While|Case|DeviceIndex"
    # Variables, and what training does to them.
    r"|VarHandleOp|Variable|VariableV2|TemporaryVariable|ReadVariableOp|VarIsInitializedOp"
    r"|VariableShape|Assign(Add|Sub)?VariableOp|DisableCopyOnRead|DestroyResourceOp|DeepCopy"
    r"|Resource(Sparse)?Apply\w+|Resource(Gather|GatherNd|CountUpTo|StridedSliceAssign)"
    r"|ResourceScatter\w+"
    # Tables that are filled from the graph's constants.
    r"|(Anonymous)?(Mutable|MutableDense)?HashTable(V2|OfTensors|OfTensorsV2)?|InitializeTableV2"
    r"|LookupTable\w+V2"
    # Random numbers.
    r"|Random(Uniform|UniformInt|StandardNormal|Gamma|Poisson|PoissonV2|Shuffle|Crop)|Multinomial"
    r"|(Parameterized)?TruncatedNormal|Stateful(RandomBinomial|StandardNormal|StandardNormalV2"
    r"|TruncatedNormal|Uniform|UniformFullInt|UniformInt)|Rng(Skip|ReadAndSkip)"
    r"|NonDeterministicInts|StatelessRandomGetAlg|SampleDistortedBoundingBox(V2)?"
    # Values of loops, and checks of values.
    r"|TensorArray\w*|Stack(V2|PushV2|PopV2|CloseV2)?|Empty|GuaranteeConst|CudnnRNN\w*"
    r"|Assert|CheckNumerics(V2)?"
)
"""Ops whose state is within the process: they touch no file, no network and no Python."""

LOADING = re.compile(
    r"Const|NoOp|Identity|IdentityN|Placeholder|PlaceholderWithDefault|StopGradient|Assert"
    r"|(Stateful)?PartitionedCall|Cast|Reshape|Shape|Pack|ExpandDims|Squeeze|Add|AddV2|StringJoin"
    r"|VarHandleOp|Variable|VariableV2|ReadVariableOp|VarIsInitializedOp|IsVariableInitialized"
    r"|Assign|AssignVariableOp|DisableCopyOnRead|DestroyResourceOp"
    r"|(Anonymous)?(Mutable|MutableDense)?HashTable(V2|OfTensors|OfTensorsV2)?"
    r"|InitializeTable(V2)?|LookupTable(Import|Export|Size)(V2)?"
)
"""What a model needs to get its variables and tables ready. No loop, which might never end, and
nothing that makes large values of small ones."""

SAVING = ("SaveV2", "MergeV2Checkpoints", "RestoreV2", "ShardedFilename")
"""Ops of the functions that each SavedModel has to save and restore its variables."""


class Use(Enum):
    """When a part of a graph is run."""

    LOADED = "as soon as the model is loaded"
    CALLED = "when the model is called"
    SAVED = "never here: to save the variables, or to restore them elsewhere"


def objection(op: Any, use: Use) -> str | None:
    """Return what speaks against an op, as the end of a sentence about it.

    Args:
        op: TensorFlow's definition of the op, an ``OpDef``.
        use: When the op would be run.

    Returns:
        None if the op may stand there.

    Example:
        >>> objection(op_def_registry.get("ReadFile"), Use.CALLED)
        'may reach files, the network or code outside of the model'
    """
    if use is Use.SAVED and op.name in SAVING:
        return None
    is_known = KEEPING_STATE.fullmatch(op.name) if op.is_stateful else not _reaches_out(op.name)
    if not is_known:
        return "may reach files, the network or code outside of the model"
    if use is Use.LOADED and not LOADING.fullmatch(op.name):
        return "would run as soon as the model is loaded"
    return None


def _reaches_out(name: str) -> bool:
    return REACHING_OUT.fullmatch(name) is not None
