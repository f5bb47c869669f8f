"""Files of several trained networks, and their places in systems that a text declares."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from symdyn.errors import DeclarationError
from symdyn.files import put_arrays, restored
from symdyn.neural_terms import TrainedNetwork
from symdyn.text.weights import WeightsText

__all__ = ["check_names", "load_networks", "network_text", "networks_of_text", "save_networks", "weights_mark"]

#: What the first array of a file says.
FORMAT = "symdyn networks 1"


def weights_mark(network: TrainedNetwork) -> str:
    """The fingerprint of weights, functions and factors of a network, as texts contain it.

    Parameters
    ----------
    network : TrainedNetwork

    Returns
    -------
    str

    Examples
    --------
    >>> import symdyn as sd
    >>> weights_mark(sd.TrainedNetwork(sd.DenseLayers("f", [([[1.0]], None, "tanh")])))
    'weights_5cb68f2b8dd3a757774c97453806057e'
    """
    parts = [network.layers.digest, *(f"{j}:{a!r}" for j, a in network.factors)]
    return f"weights_{hashlib.sha256(' '.join(parts).encode()).hexdigest()[:32]}"


def check_names(networks: Iterable[TrainedNetwork]) -> None:
    """Refuse different networks of one name, of which a file and a text would keep one.

    Parameters
    ----------
    networks : iterable of TrainedNetwork

    Raises
    ------
    DeclarationError

    Examples
    --------
    >>> import symdyn as sd
    >>> f, g = (sd.TrainedNetwork(sd.DenseLayers("f", [([[w]], None, "tanh")])) for w in (1.0, 2.0))
    >>> check_names([f, f])
    >>> check_names([f, g])
    Traceback (most recent call last):
    ...
    symdyn.errors.DeclarationError: two different networks are called f; give them different names
    """
    known: dict[str, TrainedNetwork] = {}
    for network in networks:
        if known.setdefault(network.name, network) != network:
            raise DeclarationError(f"two different networks are called {network.name}; give them different names")


def network_text(network: TrainedNetwork) -> str:
    """The statement of a network in the text of a model.

    Parameters
    ----------
    network : TrainedNetwork

    Returns
    -------
    str

    Examples
    --------
    >>> import symdyn as sd
    >>> layers = [([[1.0], [2.0]], None, "tanh"), ([[1.0, 1.0]], None, "identity")]
    >>> network_text(sd.TrainedNetwork(sd.DenseLayers("f", layers)))
    'f := network(2, weights_d2d37145493f1cf8dc9763810944a93c)'
    """
    return f"{network.name} := network({', '.join([*map(str, network.layers.widths[1:-1]), weights_mark(network)])})"


def save_networks(path: Any, networks: Iterable[TrainedNetwork]) -> None:
    """Write networks to a file of numpy's npz format, without pickled objects.

    Parameters
    ----------
    path : str or Path
    networks : iterable of TrainedNetwork
        Of different names.

    Raises
    ------
    DeclarationError
        For two different ones of the same name.

    Examples
    --------
    >>> import tempfile, symdyn as sd
    >>> f = sd.TrainedNetwork(sd.DenseLayers("f", [([[1.0]], None, "tanh")]))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_networks(f"{folder}/f.npz", [f])
    ...     load_networks(f"{folder}/f.npz")["f"] == f
    True
    """
    arrays, listed = {"format": np.array(FORMAT)}, tuple(networks)
    check_names(listed)
    for network in listed:
        arrays |= {f"{network.name}/{part}": array for part, array in network.arrays().items()}
    put_arrays(Path(path), arrays)


def load_networks(path: Any) -> dict[str, TrainedNetwork]:
    """Networks by name of a file that `save_networks`, or `TrainedNetwork.save`, wrote; nothing in it is executed.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    dict of str to TrainedNetwork

    Raises
    ------
    DeclarationError
        If the file is damaged, or of another kind.
    OSError
        If it cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(f"{folder}/f.npz", weights=np.ones(3))
    ...     load_networks(f"{folder}/f.npz")
    Traceback (most recent call last):
    ...
    symdyn.errors.DeclarationError: f.npz holds no networks that symdyn wrote (no array 'format')
    """
    return restored(path, _networks, "holds no networks that symdyn wrote")


def _networks(arrays: dict[str, np.ndarray]) -> dict[str, TrainedNetwork]:
    if str(arrays["format"]) != FORMAT:
        network = TrainedNetwork.from_arrays(arrays)
        return {network.name: network}
    parts: dict[str, dict[str, np.ndarray]] = {}
    for name, array in arrays.items():
        if name != "format":
            owner, _, part = name.partition("/")
            parts.setdefault(owner, {})[part] = array
    found = {name: TrainedNetwork.from_arrays(own) for name, own in parts.items()}
    if wrong := [name for name, network in found.items() if network.name != name]:
        raise ValueError(f"the network of {wrong[0]} is called {found[wrong[0]].name}")
    return found


def networks_of_text(declared: Mapping[str, WeightsText], given: Any) -> dict[str, TrainedNetwork]:
    """The networks that a text names, out of those that are given.

    Parameters
    ----------
    declared : mapping of str to WeightsText
        What the text says of them.
    given : mapping of str to TrainedNetwork, str or Path
        Or a file of them.

    Returns
    -------
    dict of str to TrainedNetwork

    Raises
    ------
    DeclarationError
        If one is missing, or has other layers or weights than the text says.

    Examples
    --------
    >>> import symdyn as sd
    >>> f = sd.TrainedNetwork(sd.DenseLayers("f", [([[1.0]], None, "tanh")]))
    >>> networks_of_text({"f": WeightsText("f", (), weights_mark(f), 0)}, {"f": f}) == {"f": f}
    True
    """
    if given is None:
        raise DeclarationError(
            f"the text names the weights of the network {', '.join(declared)}, which are in a file; give networks='model.npz' "
            "(read_model takes the file of the same name beside the text)"
        )
    if not declared:
        raise DeclarationError("networks has no effect on a text that names no weights; leave it out, or use with_terms")
    if isinstance(given, (str, Path)):
        source, found = Path(given).name, load_networks(given)
    elif isinstance(given, Mapping) and all(isinstance(v, TrainedNetwork) for v in given.values()):
        source, found = "networks", {str(k): v for k, v in given.items()}
    else:
        raise DeclarationError(f"networks is {given!r}; expected a file, or TrainedNetworks by name")
    chosen = {}
    for name, said in declared.items():
        if name not in found:
            raise DeclarationError(f"{source} has no network {name}; it has {', '.join(found) or 'none'}")
        network = found[name]
        if network.layers.widths[1:-1] != said.hidden or weights_mark(network) != said.weights:
            raise DeclarationError(
                f"the network {name} of {source} is another one than the text names: {network_text(network)}; "
                "give the file that was written with the text"
            )
        chosen[name] = network
    return chosen
