"""SummaryWriter: what happens in training, as files that TensorBoard shows. Needs tensorboardX."""

try:
    import tensorboardX as _library
except ImportError as _error:
    raise ModuleNotFoundError(
        "pynn.utils.tensorboard writes through tensorboardX, which is not installed: pip install tensorboardX "
        "(or pynn-kernels[tensorboard])."
    ) from _error

from tensorboardX import FileWriter, RecordWriter

from pynn.utils.tensorboard.writer import SummaryWriter

del _library
__all__ = ["FileWriter", "RecordWriter", "SummaryWriter"]
