"""Why each curve looks as it does: what the page says beside its tables, which show it."""

WAYS = """A straight line: each way brings as many images to every pass. It starts above zero, since part of a task
costs the same however large its sets are: Python and autograd, a few hundred small operations, the inner update, the
sum of gradients. Where sets are small that part weighs more, and fewer operations are done in a second. Memory grows
by the maps that wait for the way back; most of the bytes are φ and the contribution, which grow by the head alone."""

SHOTS = """A straight line that starts from the query set, which every task has however many shots, hence the low
exponents. One more shot costs MAML about three times what it costs a prototypical network: an inner step of second
order is nine passes over the support set, a comparison three."""

STEPS = """A straight line from the cost of the query set. Fewer operations are done in a second the more steps there
are: a step sees the support set alone, one image a class here, on which much of a convolution is its call, and around
which the bookkeeping of autograd is no smaller than around a large set. Memory grows by the graph of each step, which
second order keeps until the gradient of the query set comes back through it. Steps move no bytes."""

IMAGES = """A straight line in pixels, to a few per cent: maps are halved with what is odd left out (42, 21, 10, 5),
so that the operations are not quite proportional to pixels either. MAML's head sees (side / 16)² features a filter,
so that φ grows a little in steps. Larger images pack better: a letter's edge grows with the side, its plane with the
square."""

CHANNELS = """**Not a straight line**: the middle lies above it. Only the convolutions between blocks have as many
operations as φ has parameters, the square of the channels. The first block (one channel in), normalisation, ReLU and
pooling, all that is read and written of maps, grow with the channels; the bookkeeping does not grow. A square with
a part that grows slower bulges over its chord. And narrow convolutions do fewer operations in a second, as their column
shows beside that of GFLOP. Memory likewise: maps grow with the channels, φ and its gradients with their square. Bytes
are φ in and the contribution out, so that they are a line."""

JOBS = """A straight line: tasks are computed one after the other (`numerics.chunk` is 1). It starts above zero, for φ
is decoded and the contribution encoded once a job. Memory hardly grows, by the images that wait alone. **Bytes a task
fall**: φ and the contribution are moved once a job, however many tasks share them."""
