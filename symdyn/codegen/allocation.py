"""What compiled drivers call to allocate arrays and lists, where numba is not there to define it: in LLVM IR, on the C library.

The structure is that of numba's own runtime, whose functions of these names are used where numba is imported: a count of
references, the destructor and what it is given, data, their size, and an allocator, which there is none.  The last functions
belong to C functions that raise exceptions, of which drivers have none.
"""

from __future__ import annotations

import re

__all__ = ["FUNCTIONS", "RUNTIME"]

RUNTIME = """
%info = type { i64, ptr, ptr, ptr, i64, ptr }
declare ptr @malloc(i64)
declare ptr @realloc(ptr, i64)
declare void @free(ptr)

define ptr @NRT_Allocate(i64 %size) {
  %p = call ptr @malloc(i64 %size)
  ret ptr %p
}
define void @NRT_Free(ptr %p) {
  call void @free(ptr %p)
  ret void
}
define ptr @NRT_MemInfo_alloc(i64 %size) {
  %p = call ptr @NRT_MemInfo_alloc_aligned(i64 %size, i32 1)
  ret ptr %p
}
define ptr @NRT_MemInfo_alloc_aligned(i64 %size, i32 %align) {
  %wide = zext i32 %align to i64
  %slack = shl i64 %wide, 1
  %data = add i64 %size, %slack
  %all = add i64 %data, 48
  %p = call ptr @malloc(i64 %all)
  %none = icmp eq ptr %p, null
  br i1 %none, label %failed, label %found
failed:
  ret ptr null
found:
  %base = getelementptr i8, ptr %p, i64 48
  %number = ptrtoint ptr %base to i64
  %over = urem i64 %number, %wide
  %left = sub i64 %wide, %over
  %exact = icmp eq i64 %over, 0
  %shift = select i1 %exact, i64 0, i64 %left
  %at = getelementptr i8, ptr %base, i64 %shift
  call void @begin(ptr %p, ptr %at, i64 %size, ptr null, ptr null)
  ret ptr %p
}
define internal void @begin(ptr %p, ptr %data, i64 %size, ptr %dtor, ptr %given) {
  store i64 1, ptr %p
  %p1 = getelementptr %info, ptr %p, i64 0, i32 1
  store ptr %dtor, ptr %p1
  %p2 = getelementptr %info, ptr %p, i64 0, i32 2
  store ptr %given, ptr %p2
  %p3 = getelementptr %info, ptr %p, i64 0, i32 3
  store ptr %data, ptr %p3
  %p4 = getelementptr %info, ptr %p, i64 0, i32 4
  store i64 %size, ptr %p4
  %p5 = getelementptr %info, ptr %p, i64 0, i32 5
  store ptr null, ptr %p5
  ret void
}
define void @NRT_MemInfo_call_dtor(ptr %p) {
  %p1 = getelementptr %info, ptr %p, i64 0, i32 1
  %dtor = load ptr, ptr %p1
  %none = icmp eq ptr %dtor, null
  br i1 %none, label %last, label %call
call:
  %p2 = getelementptr %info, ptr %p, i64 0, i32 2
  %given = load ptr, ptr %p2
  %p3 = getelementptr %info, ptr %p, i64 0, i32 3
  %data = load ptr, ptr %p3
  %p4 = getelementptr %info, ptr %p, i64 0, i32 4
  %size = load i64, ptr %p4
  call void %dtor(ptr %data, i64 %size, ptr %given)
  br label %last
last:
  call void @free(ptr %p)
  ret void
}
define internal void @drop(ptr %data, i64 %size, ptr %given) {
  %none = icmp eq ptr %given, null
  br i1 %none, label %last, label %call
call:
  call void %given(ptr %data)
  br label %last
last:
  call void @free(ptr %data)
  ret void
}
define ptr @NRT_MemInfo_new_varsize_dtor(i64 %size, ptr %dtor) {
  %data = call ptr @malloc(i64 %size)
  %none = icmp eq ptr %data, null
  br i1 %none, label %failed, label %next
next:
  %p = call ptr @malloc(i64 48)
  %neither = icmp eq ptr %p, null
  br i1 %neither, label %failed, label %found
failed:
  ret ptr null
found:
  call void @begin(ptr %p, ptr %data, i64 %size, ptr @drop, ptr %dtor)
  ret ptr %p
}
define ptr @NRT_MemInfo_varsize_realloc(ptr %p, i64 %size) {
  %p3 = getelementptr %info, ptr %p, i64 0, i32 3
  %data = load ptr, ptr %p3
  %new = call ptr @realloc(ptr %data, i64 %size)
  store ptr %new, ptr %p3
  %none = icmp eq ptr %new, null
  br i1 %none, label %failed, label %found
failed:
  ret ptr null
found:
  %p4 = getelementptr %info, ptr %p, i64 0, i32 4
  store i64 %size, ptr %p4
  ret ptr %new
}
define void @numba_gil_ensure(ptr %state) {
  ret void
}
define void @numba_gil_release(ptr %state) {
  ret void
}
define ptr @numba_unpickle(ptr %data, i32 %size, ptr %hash) {
  ret ptr null
}
define i32 @numba_do_raise(ptr %exception) {
  ret i32 0
}
define ptr @numba_runtime_build_excinfo_struct(ptr %excinfo, ptr %arguments) {
  ret ptr null
}
"""
#: Functions that it defines.
FUNCTIONS = tuple(re.findall(r"^define (?!internal)\w+ @(\w+)", RUNTIME, re.MULTILINE))
