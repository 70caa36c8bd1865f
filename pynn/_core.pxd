# Types by which Cython compiles _core.py. The Python file stays plain: nothing here
# changes what it does, only how fast.
cimport cython

cdef long _modes
cdef long _no_grads
cdef long _mark
cdef Pass _pass
cdef long _NO_GRAD, _INFERENCE_MODE, _SEVERAL, _CUSTOM
cdef object _one, _backward_lock
cdef object _float32
cdef object _same_shape, _is_fresh, _convert, _reference_namespace, _tensor_namespace, _unbroadcast, _generator

@cython.freelist(64)
cdef class Version:
    cdef public long value

@cython.freelist(16)
cdef class View:
    cdef public Tensor base
    cdef public tuple steps
    cdef public long seen
    cdef public long kind

cdef class Like:
    cdef public tuple shape
    cdef public object dtype
    cdef public long ndim

cdef class Op:
    cdef public str name
    cdef public object record, reference, vjp, kernel, backward_kernel, random, check
    cdef public long saves, saves_like, saves_outputs, saves_out_if, outputs, exact, exact_unless, wide_outputs
    cdef public tuple saves_each
    cdef public bint pointwise, differentiable, variadic, is_view, custom
    cdef public Op functional
    cdef public tuple writes
    cdef public object groups
    cdef dict __dict__

@cython.freelist(256)
cdef class Node:
    cdef public Op op
    cdef public tuple edges
    cdef public tuple saved
    cdef public tuple attrs
    cdef public unsigned long long needs
    cdef public tuple shapes
    cdef public tuple versions
    cdef public long version_sum
    cdef public object grad
    cdef public long deps
    cdef public long mark
    cdef public long runs
    cdef public long index
    cdef public object hooks
    cdef public object backend
    cdef object __weakref__

@cython.freelist(256)
cdef class Tensor:
    cdef public object _array
    cdef public object _grad
    cdef public Node _node
    cdef public bint _tracked
    cdef public Version _writes
    cdef public View _view
    cdef public object _hooks
    cdef object __weakref__
    cdef dict __dict__

@cython.freelist(8)
cdef class Pass:
    cdef public long number
    cdef public bint retain, create_graph
    cdef public Pass outer
    cdef public dict places, pending
    cdef public list found, noted

cdef Version _INFERENCE
cpdef set_grad_mode(bint mode)
cpdef bint is_grad_enabled() except -1
cpdef chosen_kernel(Op op)
@cython.locals(run=Pass)
cdef Pass _new_pass(long number, bint retain, bint create_graph, Pass outer)
@cython.locals(node=Node)
cdef tuple _public_edge(edge)
cpdef accumulator(Tensor leaf)
cdef _hooks_of(Tensor leaf)
cdef Op ADD, SUB, MUL, DIV, NEG, MATMUL, CLONE, ADD_, VIEW_WRITE, PORT, SUM_TO_SIZE, CAST

cdef Tensor _init_fields(Tensor tensor, array)
@cython.locals(tensor=Tensor)
cpdef Tensor wrap(array)
cpdef Tensor made(array)

cpdef unary(Op op, Tensor x)
@cython.locals(left=Tensor, right=Tensor, result=Tensor, tracked=bint)
cpdef binary(Op op, x, y)
@cython.locals(result=Tensor, node=Node, saves=long, edges=tuple, tracked=bint, composed=bint)
cpdef call(Op op, tuple inputs, tuple attrs=*)
cdef bint _is_operand(x) except -1
cdef tuple _arrays(tuple inputs)
cdef _array_of(Tensor x)
cdef bint _any_tracked(tuple inputs) except -1
cdef bint _is_tracked(Tensor x) except -1
cpdef bint is_floating(array) except -1
cdef tuple _draw(Op op, tuple arrays, tuple attrs)
cdef _run_kernel(Op op, tuple arrays, tuple attrs)
cdef _run_reference(Op op, tuple arrays, tuple attrs)
cdef _reference(Op op, tuple arrays, tuple attrs)

cpdef bint is_half(dtype) except -1
cdef _half_in(values)
@cython.locals(exact=long)
cdef bint _needs_wide(Op op, tuple arrays, tuple attrs) except -1
cdef bint _needs_tensors(Op op, tuple arrays, bint composed) except -1
cdef _call_wide(Op op, tuple inputs, tuple attrs)
cdef _widen_tensor(x)
cdef _narrow_tensor(Tensor x, dtype)
cdef _result_dtype(tuple arrays)
cdef _widened(value)
cdef _narrowed(array, dtype)
@cython.locals(wide=tuple)
cpdef compute_wide(Op op, tuple arrays, tuple attrs)
cdef _written(Op op, tuple arrays, tuple attrs)
cdef tuple _run_vjp(Node node, grad, saved)
cdef _half_of_backward(Node node, grad, saved)
cdef _widen_tensors(value)

@cython.locals(tensor=Tensor)
cdef _edge(x)
cdef tuple _edges(tuple inputs)
@cython.locals(node=Node, needs="unsigned long long", bit="unsigned long long")
cdef Node _new_node(Op op, tuple edges, tuple saved, tuple attrs)
@cython.locals(saves=long, i=long)
cdef long _saves(Op op, tuple edges, tuple attrs) except -1
@cython.locals(bit=long, likes=long)
cdef tuple _save(Op op, long saves, out, tuple arrays)
cdef Version _version_of(Tensor x)
cdef Version _saved_version(Tensor x)
cdef _noted(Node node)
@cython.locals(leaf=Tensor)
cpdef pack_saved(Node node)
cdef _pack(hooks, array, leaf)
cdef _unpack(hooks, packed)
cdef tuple _unpacked(Node node)
@cython.locals(op=Op, total=long, bit=long, version=Version)
cdef _attach(Node node, long saves, Tensor result, tuple inputs, tuple arrays, out)
@cython.locals(node=Node, saves=long, total=long, two=bint, version=Version, other=Version, third=Version)
cdef _track_short(Op op, Tensor result, out, Tensor x, a, Tensor y, b)
@cython.locals(node=Node, saves=long, edges=tuple)
cdef tuple _wrap_several(Op op, out, tuple inputs, tuple arrays, tuple attrs, bint tracked)
@cython.locals(port=Node)
cdef Node _port(Node node, long i)
cdef tuple _save_several(Op op, long saves, out, tuple arrays)

@cython.locals(view=View, version=Version)
cdef _attach_view(Op op, Tensor result, Tensor x, tuple attrs)
@cython.locals(view=View, version=Version, base=Tensor, again=Tensor, enabled=bint)
cdef _refresh(Tensor x)
@cython.locals(target=Tensor, functional=Op, version=Version, view=View, base=Tensor, node=Node, write=Node, saves=long, recording=bint, tracked=bint)
cpdef call_inplace(Op op, tuple inputs, tuple attrs=*)
@cython.locals(x=Tensor, total="Py_ssize_t", count="Py_ssize_t", group="Py_ssize_t", start="Py_ssize_t", i="Py_ssize_t")
cpdef call_writing(Op op, tuple inputs, tuple attrs=*, live=*)
@cython.locals(version=Version, view=View)
cdef _note_write(Tensor x)
@cython.locals(base=Tensor)
cdef _forbid_leaf(Tensor target)
cpdef forbid_inference()
cpdef forbid_view(Tensor target)
@cython.locals(x=Tensor)
cpdef several_views(views)
cpdef custom_view(Tensor x, Tensor base)
cpdef bint is_inference(Tensor x) except -1
cdef _move_retained(Tensor target, Node node)
cpdef bump(Tensor x)
cdef _wrote(Version version)

cpdef set_grad(Tensor x, value)
cpdef clear_grads(tensors)
@cython.locals(x=Tensor, count="Py_ssize_t", place="Py_ssize_t", grads=list)
cpdef gather_grads(tensors, tuple known)

cpdef backward_from_one(Tensor x, bint retain)
@cython.locals(node=Node, outer=Pass, run=Pass)
cdef _backward(roots, grads, bint retain, bint create_graph, wanted, bint accumulate)
@cython.locals(node=Node, target=Node, leaf=Tensor, position=long, fresh=bint, retain=bint, create_graph=bint,
               found=list, places=dict, mark=long, watched=bint)
cdef _run_backward(roots, grads, Pass run)
cdef dict _places(wanted)
cdef _capture(node, grad, Pass run)
cdef bint _enters(Node node, Pass run) except -1
cdef _expect(Tensor leaf, Pass run)
@cython.locals(node=Node, target=Node, leaf=Tensor)
cdef _count(list stack, Pass run)
@cython.locals(node=Node, target=Node, leaf=Tensor, places=dict, number=long)
cdef _count_wanted(list starts, Pass run)
@cython.locals(tensor=Tensor, held=Tensor, copy=Tensor, create_graph=bint)
cdef _enter_hooked(Node node, grad, Pass run)
@cython.locals(create_graph=bint)
cdef _execute_hooked(Node node, grad, Pass run)
cdef tuple _public_grads(grad, bint several, bint create_graph)
cdef tuple _own_grads(grads, bint create_graph)
cdef tuple _called(hooks, tuple given, outer, bint create_graph)
@cython.locals(replaced=object)
cdef _run_hooks(hooks, grad, bint create_graph)
@cython.locals(create_graph=bint)
cdef _reach_hooked(Tensor leaf, grad, Pass run)
cdef _add(a, b, bint create_graph)
@cython.locals(node=Node)
cdef _give_to_port(Node port, grad, bint create_graph)
@cython.locals(version=Version, total=long)
cdef _check_saved(Node node)
@cython.locals(op=Op)
cdef tuple _execute_backward(Node node, grad)
@cython.locals(op=Op)
cdef _execute_backward_graph(Node node, grad)
@cython.locals(tensor=Tensor)
cdef _restore(value, edge)
@cython.locals(held=Tensor, found=list, create_graph=bint)
cdef _reach_leaf(Tensor leaf, grad, bint fresh, Pass run)
