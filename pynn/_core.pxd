# Types by which Cython compiles _core.py, and C for what is called most. The Python file stays plain: nothing here
# changes what it does, only how fast.
#
# The C text below serves what Cython itself writes at length. `_interpreted.py` has the same in Python.
cimport cython

cdef class Tensor
cdef class Node
cdef class Version

cdef extern from *:
    """
    #include <string.h>

    /* ---- calls of kernels ---- */

    #define PYNN_MOST_ARGS 24

    /* kernel(args...): a METH_FASTCALL function at once, anything else by the usual way. */
    static CYTHON_INLINE PyObject *pynn_vectorcall(PyObject *kernel, PyObject **args, Py_ssize_t count) {
      if (PyCFunction_CheckExact(kernel) && PyCFunction_GET_FLAGS(kernel) == METH_FASTCALL) {
        PyCFunction function = PyCFunction_GET_FUNCTION(kernel);
        return ((PyObject * (*)(PyObject *, PyObject *const *, Py_ssize_t))(void (*)(void))function)(
            PyCFunction_GET_SELF(kernel), args, count);
      }
      return PyObject_Vectorcall(kernel, args, (size_t)count, NULL);
    }
    static CYTHON_INLINE PyObject *pynn_invoke_1(PyObject *kernel, PyObject *a) {
      PyObject *args[] = {a};
      return pynn_vectorcall(kernel, args, 1);
    }
    static CYTHON_INLINE PyObject *pynn_invoke_2(PyObject *kernel, PyObject *a, PyObject *b) {
      PyObject *args[] = {a, b};
      return pynn_vectorcall(kernel, args, 2);
    }
    static PyObject *pynn_invoke_long(PyObject *kernel, PyObject *arrays, PyObject *attrs) {
      PyObject *all = PySequence_Concat(arrays, attrs);
      PyObject *result = all ? PyObject_CallObject(kernel, all) : NULL;
      Py_XDECREF(all);
      return result;
    }
    static PyObject *pynn_invoke(PyObject *kernel, PyObject *arrays, PyObject *attrs) {
      PyObject *args[PYNN_MOST_ARGS];
      const Py_ssize_t n = PyTuple_GET_SIZE(arrays), m = PyTuple_GET_SIZE(attrs);
      Py_ssize_t i;
      if (n + m > PYNN_MOST_ARGS) return pynn_invoke_long(kernel, arrays, attrs);
      for (i = 0; i < n; ++i) args[i] = PyTuple_GET_ITEM(arrays, i);
      for (i = 0; i < m; ++i) args[n + i] = PyTuple_GET_ITEM(attrs, i);
      return pynn_vectorcall(kernel, args, n + m);
    }
    static PyObject *pynn_invoke_on_list(PyObject *kernel, PyObject *arrays, PyObject *attrs) {
      PyObject *args[PYNN_MOST_ARGS];
      const Py_ssize_t m = PyTuple_GET_SIZE(attrs);
      Py_ssize_t i;
      if (m >= PYNN_MOST_ARGS) {
        PyObject *one = PyTuple_Pack(1, arrays);
        PyObject *result = one ? pynn_invoke_long(kernel, one, attrs) : NULL;
        Py_XDECREF(one);
        return result;
      }
      args[0] = arrays;
      for (i = 0; i < m; ++i) args[1 + i] = PyTuple_GET_ITEM(attrs, i);
      return pynn_vectorcall(kernel, args, 1 + m);
    }
    /* arrays[i] = x, in place of a None */
    static CYTHON_INLINE void pynn_put(PyObject *arrays, Py_ssize_t i, PyObject *x) {
      Py_INCREF(x);
      Py_DECREF(PyList_GET_ITEM(arrays, i));
      PyList_SET_ITEM(arrays, i, x);
    }
    static PyObject *pynn_invoke_backward(PyObject *kernel, PyObject *grad, PyObject *saved, PyObject *attrs,
                                          unsigned long long needs) {
      PyObject *mask = PyLong_FromUnsignedLongLong(needs), *result;
      PyObject *args[] = {grad, saved, attrs, mask};
      if (!mask) return NULL;
      result = pynn_vectorcall(kernel, args, 4);
      Py_DECREF(mask);
      return result;
    }

    /* ---- arrays ---- */

    /* How NumPy's binary interface begins an array: what its own macros read. */
    typedef struct {
      PyObject_HEAD
      char *data;
      int nd;
      Py_ssize_t *dimensions;
      Py_ssize_t *strides;
      PyObject *base;
      PyObject *descr;
    } pynn_array_head;
    static PyTypeObject *pynn_ndarray;
    static PyTypeObject *pynn_device_ndarray; /* a GPU's, once one is in use */

    static CYTHON_INLINE int pynn_is_device_array(PyObject *x) {
      return pynn_device_ndarray &&
             (Py_TYPE(x) == pynn_device_ndarray || PyType_IsSubtype(Py_TYPE(x), pynn_device_ndarray));
    }
    static CYTHON_INLINE int pynn_is_array(PyObject *x) {
      return Py_TYPE(x) == pynn_ndarray || PyType_IsSubtype(Py_TYPE(x), pynn_ndarray) || pynn_is_device_array(x);
    }
    static void pynn_set_device_array(PyObject *type) {
      PyTypeObject *before = pynn_device_ndarray;
      pynn_device_ndarray = type == Py_None ? NULL : (PyTypeObject *)type;
      Py_XINCREF(pynn_device_ndarray);
      Py_XDECREF(before);
    }
    static int pynn_compare_shapes(PyObject *x, PyObject *y) {
      PyObject *a = PyObject_GetAttrString(x, "shape"), *b = PyObject_GetAttrString(y, "shape");
      int same = a && b ? PyObject_RichCompareBool(a, b, Py_EQ) : -1;
      Py_XDECREF(a);
      Py_XDECREF(b);
      return same;
    }
    static CYTHON_INLINE int pynn_has_dtype(PyObject *x, PyObject *dtype) {
      return Py_TYPE(x) == pynn_ndarray && ((pynn_array_head *)x)->descr == dtype;
    }
    /* of NumPy's arrays only */
    static CYTHON_INLINE int pynn_dims(PyObject *x) { return ((pynn_array_head *)x)->nd; }
    static CYTHON_INLINE int pynn_same_shape(PyObject *x, PyObject *y) {
      const pynn_array_head *a = (pynn_array_head *)x, *b = (pynn_array_head *)y;
      int i;
      if (pynn_is_device_array(x) || pynn_is_device_array(y)) return pynn_compare_shapes(x, y);
      if (a->nd != b->nd) return 0;
      for (i = 0; i < a->nd; ++i) {
        if (a->dimensions[i] != b->dimensions[i]) return 0;
      }
      return 1;
    }

    /* ---- new objects as copies of an example, from a pool of dead ones ---- */

    /* Cython's tp_new sets each field to None and makes an empty __dict__; most tensors never need one. */
    #ifdef Py_GIL_DISABLED
    #define PYNN_POOL 0
    #else
    #define PYNN_POOL 256
    #endif
    typedef struct {
      PyTypeObject *type;
      char *image;      /* an example's bytes after its header, without a __dict__ */
      Py_ssize_t size;  /* how many these are */
      Py_ssize_t nones; /* how many references to None are among them */
      int gc;
      int count;
      PyObject *dead[PYNN_POOL + 1];
    } pynn_pool;
    static pynn_pool pynn_tensors, pynn_nodes, pynn_versions;

    static CYTHON_INLINE void pynn_hold_none(Py_ssize_t count) {
    #if PY_VERSION_HEX < 0x030C0000 /* from then on None is not counted */
      Py_SET_REFCNT(Py_None, Py_REFCNT(Py_None) + count);
    #else
      (void)count;
    #endif
    }
    static CYTHON_INLINE PyObject *pynn_alloc_in(pynn_pool *pool, PyTypeObject *type, Py_ssize_t items) {
      PyObject *object;
      if (!pool->count) return PyType_GenericAlloc(type, items);
      object = pool->dead[--pool->count];
      memset((char *)object + sizeof(PyObject), 0, pool->size);
      (void)PyObject_Init(object, type);
      if (pool->gc) PyObject_GC_Track(object);
      return object;
    }
    static CYTHON_INLINE void pynn_free_in(pynn_pool *pool, void *object) {
      if (pool->count < PYNN_POOL) {
        pool->dead[pool->count++] = (PyObject *)object;
      } else if (pool->gc) {
        PyObject_GC_Del(object);
      } else {
        PyObject_Free(object);
      }
    }
    static CYTHON_INLINE PyObject *pynn_blank(pynn_pool *pool) {
      PyObject *object;
      if (pool->count) {
        object = pool->dead[--pool->count];
        (void)PyObject_Init(object, pool->type);
        memcpy((char *)object + sizeof(PyObject), pool->image, pool->size);
        pynn_hold_none(pool->nones);
        if (pool->gc) PyObject_GC_Track(object);
        return object;
      }
      object = PyType_GenericAlloc(pool->type, 0); /* tracked, but nothing runs before its fields are set */
      if (!object) return NULL;
      memcpy((char *)object + sizeof(PyObject), pool->image, pool->size);
      pynn_hold_none(pool->nones);
      return object;
    }
    #define PYNN_POOL_OF(name)                                                                            \
      static PyObject *pynn_alloc_##name(PyTypeObject *type, Py_ssize_t items) {                           \
        return pynn_alloc_in(&pynn_##name, type, items);                                                  \
      }                                                                                                   \
      static void pynn_free_##name(void *object) { pynn_free_in(&pynn_##name, object); }                   \
      static CYTHON_INLINE PyObject *pynn_blank_##name(void) { return pynn_blank(&pynn_##name); }
    PYNN_POOL_OF(tensors)
    PYNN_POOL_OF(nodes)
    PYNN_POOL_OF(versions)

    static int pynn_prepare(pynn_pool *pool, PyObject *example, allocfunc alloc, freefunc free) {
      PyTypeObject *type = Py_TYPE(example);
      Py_ssize_t i;
      pool->size = type->tp_basicsize - (Py_ssize_t)sizeof(PyObject);
      pool->image = (char *)PyMem_Malloc((size_t)pool->size);
      if (!pool->image) {
        PyErr_NoMemory();
        return -1;
      }
      memcpy(pool->image, (char *)example + sizeof(PyObject), (size_t)pool->size);
      if (type->tp_dictoffset > 0) memset(pool->image + type->tp_dictoffset - sizeof(PyObject), 0, sizeof(PyObject *));
      pool->nones = 0;
      for (i = 0; i + (Py_ssize_t)sizeof(PyObject *) <= pool->size; i += (Py_ssize_t)sizeof(PyObject *)) {
        PyObject *field;
        memcpy(&field, pool->image + i, sizeof(field));
        pool->nones += field == Py_None;
      }
      pool->type = type;
      pool->gc = PyType_IS_GC(type);
      type->tp_alloc = alloc; /* not inherited: classes made in Python have their own */
      type->tp_free = free;
      return 0;
    }
    static int pynn_prepare_blanks(PyObject *tensor, PyObject *node, PyObject *version, PyObject *ndarray) {
      pynn_ndarray = (PyTypeObject *)ndarray;
      if (pynn_prepare(&pynn_tensors, tensor, pynn_alloc_tensors, pynn_free_tensors) < 0) return -1;
      if (pynn_prepare(&pynn_nodes, node, pynn_alloc_nodes, pynn_free_nodes) < 0) return -1;
      return pynn_prepare(&pynn_versions, version, pynn_alloc_versions, pynn_free_versions);
    }
    """
    object invoke_1 "pynn_invoke_1" (object kernel, object a)
    object invoke_2 "pynn_invoke_2" (object kernel, object a, object b)
    object invoke "pynn_invoke" (object kernel, tuple arrays, tuple attrs)
    object invoke_on_list "pynn_invoke_on_list" (object kernel, object arrays, tuple attrs)
    void put "pynn_put" (list arrays, Py_ssize_t i, object x)
    object invoke_backward "pynn_invoke_backward" (object kernel, object grad, object saved, tuple attrs, unsigned long long needs)
    Tensor blank_tensor "(struct __pyx_obj_4pynn_5_core_Tensor *)pynn_blank_tensors" ()
    Node blank_node "(struct __pyx_obj_4pynn_5_core_Node *)pynn_blank_nodes" ()
    Version blank_version "(struct __pyx_obj_4pynn_5_core_Version *)pynn_blank_versions" ()
    int prepare_blanks "pynn_prepare_blanks" (Tensor tensor, Node node, Version version, object ndarray) except -1
    bint is_array "pynn_is_array" (object x)
    bint has_dtype "pynn_has_dtype" (object array, object dtype)
    bint is_device_array "pynn_is_device_array" (object x)
    void set_device_array "pynn_set_device_array" (object type)
    bint equal_shapes "pynn_same_shape" (object a, object b) except -1
    int dims "pynn_dims" (object array)

cdef long _modes
cdef long _no_grads
cdef long _devices
cdef long _mark
cdef Pass _pass
cdef long _NO_GRAD, _INFERENCE_MODE, _SEVERAL, _CUSTOM
cdef object _one, _backward_lock, _acquire, _release
cdef object _float32
cdef object _device_backend
cdef object _is_fresh, _convert, _reference_namespace, _tensor_namespace, _unbroadcast, _generator

cdef class Version:
    cdef public long value

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

cdef class Pass:
    cdef public long number
    cdef public bint retain, create_graph
    cdef public Pass outer
    cdef public dict places, pending, parts
    cdef public list found, noted

cdef Version _INFERENCE
cpdef set_grad_mode(bint mode)
cpdef bint is_grad_enabled() except -1
cpdef chosen_kernel(Op op, arrays)
cdef _backend_of(arrays)
@cython.locals(anything=bint)
cdef bint _on_device(arrays) except -1
@cython.locals(here=bint, there=bint)
cdef bint _is_mixed(tuple arrays) except -1
cdef _composed(Op op, tuple inputs, tuple arrays, tuple attrs)
@cython.locals(run=Pass)
cdef Pass _new_pass(long number, bint retain, bint create_graph, Pass outer)
@cython.locals(node=Node)
cdef tuple _public_edge(edge)
cpdef accumulator(Tensor leaf)
cdef _hooks_of(Tensor leaf)
cdef Op ADD, SUB, MUL, DIV, NEG, MATMUL, CLONE, ADD_, VIEW_WRITE, PORT, SLICE, SUM_TO_SIZE, CAST

cdef Tensor _init_fields(Tensor tensor, array)
@cython.locals(tensor=Tensor)
cpdef Tensor wrap(array)
cpdef Tensor made(array)
cpdef Tensor made_beside(Tensor x, array)

@cython.locals(tensor=Tensor, result=Tensor)
cpdef unary(Op op, x)
cpdef bint alike(x, y) except -1

@cython.locals(left=Tensor, right=Tensor, result=Tensor, tracked=bint)
cpdef binary(Op op, x, y)
@cython.locals(result=Tensor, node=Node, saves=long, edges=tuple, tracked=bint, composed=bint)
cpdef call(Op op, tuple inputs, tuple attrs=*)
cdef bint _is_operand(x) except -1
cdef _array_or_value(x)
cdef tuple _arrays(tuple inputs)
cdef _array_of(Tensor x)
cdef bint _any_tracked(tuple inputs) except -1
cdef bint _is_tracked(Tensor x) except -1
cpdef bint is_floating(array) except -1
cdef tuple _draw(Op op, tuple arrays, tuple attrs)
cdef _run_kernel(Op op, tuple arrays, tuple attrs)
cdef _run_reference(Op op, tuple arrays, tuple attrs)
cdef _run_on_its_device(Op op, kernel, arrays, tuple attrs)
cdef _reference(Op op, tuple arrays, tuple attrs)
cdef _reference_here(Op op, tuple arrays, tuple attrs)

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
cdef _converted(array, dtype)
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
@cython.locals(saves=long, i="Py_ssize_t")
cdef long _saves_of(tuple each, tuple edges) except -1
@cython.locals(saves=long, each=tuple)
cdef long _saves(Op op, tuple edges, tuple attrs) except -1
cdef _kept(array, long saves, long likes, long bit)
@cython.locals(bit=long, likes=long, count="Py_ssize_t")
cdef tuple _save(Op op, long saves, out, tuple arrays)
cdef Version _version_of(Tensor x)
cdef Version _saved_version(Tensor x)
cdef _noted(Node node)
@cython.locals(leaf=Tensor)
cpdef pack_saved(Node node)
cdef _pack(hooks, array, leaf)
cdef _unpack(hooks, packed)
cdef tuple _unpacked(Node node)
cdef Version _input_version(x)
@cython.locals(op=Op, total=long, bit=long, version=Version, own=Version, second=Version, third=Version, count="Py_ssize_t", array=object)
cdef _attach(Node node, long saves, Tensor result, tuple inputs, tuple arrays, out)
@cython.locals(node=Node, saves=long, total=long, two=bint, version=Version, other=Version, third=Version, edge_x=object, edge_y=object)
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
@cython.locals(arrays=list, x=Tensor, count="Py_ssize_t", place="Py_ssize_t", group="Py_ssize_t")
cpdef bint step_group(Op op, list params, tuple known, tuple states, tuple attrs, live) except -1
@cython.locals(grads=tuple)
cdef bint _step_long(Op op, list params, tuple known, tuple states, tuple attrs, live) except -1
@cython.locals(other=Tensor, recording=bint)
cdef bint _write_short(Op op, Tensor x, y) except -1
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
@cython.locals(x=Tensor, watched=bint)
cpdef clear_grads(tensors)
@cython.locals(x=Tensor, count="Py_ssize_t", place="Py_ssize_t", grads=list)
cpdef gather_grads(tensors, tuple known)

cpdef backward_from_one(Tensor x, bint retain)
@cython.locals(node=Node, outer=Pass, run=Pass)
cdef _backward(roots, grads, bint retain, bint create_graph, wanted, bint accumulate)
@cython.locals(node=Node, target=Node, following=Node, leaf=Tensor, position=long, fresh=bint, starts=list, reached=list,
               ready=list, edge=object, grad=object, results=object, retain=bint, create_graph=bint,
               found=list, places=dict, mark=long, watched=bint)
cdef _run_backward(roots, grads, Pass run)
cdef bint _is_own(array) except -1
cdef dict _places(wanted)
cdef _note_part(Node target, grad, Pass run)
@cython.locals(target=Node)
cdef bint _add_part(Node node, grad, Pass run) except -1
cdef _capture(node, grad, Pass run)
cdef bint _enters(Node node, Pass run) except -1
cdef _expect(Tensor leaf, Pass run)
@cython.locals(node=Node, target=Node, following=Node, leaf=Tensor)
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
cdef _place_node(Node node, grad)
cdef tuple _execute_backward(Node node, grad)
@cython.locals(op=Op)
cdef tuple _execute_backward_here(Node node, grad)
@cython.locals(op=Op)
cdef _execute_backward_graph(Node node, grad)
@cython.locals(tensor=Tensor)
cdef _restore(value, edge)
@cython.locals(held=Tensor, found=list, create_graph=bint)
cdef _reach_leaf(Tensor leaf, grad, bint fresh, Pass run)
